/*
 * tree: the files below the root. tree.h says what it does.
 *
 * Look at open_parent(): every function reaches its file through it.
 */
#define _GNU_SOURCE /* O_TMPFILE */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "tree.h"

enum {
    NAME_TRIES = 1000, /* temporary names: then the upload fails */
};

/* The names of uploads that need one begin so. Clients cannot see them. */
#define UPLOAD_PREFIX ".ftp-upload."

static int root = -1;

static int fail(int reason)
{
    errno = reason;
    return -1;
}

/* Close fd, keep errno, return result. */
static int close_and_return(int fd, int result)
{
    int reason = errno;
    close(fd);
    errno = reason;
    return result;
}

int tree_open(const char *directory)
{
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ names */

static bool is_upload_name(const char *name)
{
    return strncmp(name, UPLOAD_PREFIX, strlen(UPLOAD_PREFIX)) == 0;
}

static bool part_is(const char *part, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(part, word, length) == 0;
}

/* Apply one part of a name to the path, which has *length bytes: "" is the
   root. */
static int add_part(char *path, size_t *length, const char *part, size_t size)
{
    if (size == 0 || part_is(part, size, "."))
        return 0;
    if (part_is(part, size, "..")) {
        while (*length > 0 && path[--*length] != '/')
            ;
        return 0;
    }
    if (*length + 1 + size >= TREE_PATH)
        return fail(ENAMETOOLONG);
    path[(*length)++] = '/';
    memcpy(path + *length, part, size);
    *length += size;
    return 0;
}

int tree_join(char *path, const char *from, const char *name)
{
    char joined[TREE_PATH];
    size_t length = 0;
    if (text_has_control(name, strlen(name)))
        return fail(EINVAL);
    if (*name != '/' && strcmp(from, "/") != 0) {
        length = strlen(from);
        memcpy(joined, from, length);
    }
    while (*name != '\0') {
        size_t size = strcspn(name, "/");
        if (add_part(joined, &length, name, size) < 0)
            return -1;
        name += size + (name[size] == '/');
    }
    if (length == 0)
        joined[length++] = '/';
    memcpy(path, joined, length);
    path[length] = '\0';
    return 0;
}

/* ------------------------------------------------------------ directories */

/* Open one directory inside another, and close that. Returns the new fd. */
static int open_next(int directory, const char *part, size_t length)
{
    char name[NAME_MAX + 1];
    if (length > NAME_MAX)
        return close_and_return(directory, fail(ENAMETOOLONG));
    memcpy(name, part, length);
    name[length] = '\0';
    int next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
                      O_CLOEXEC);
    return close_and_return(directory, next);
}

/* Open the directory that has the last part of the path; *last is that part,
   or "." for the root. Returns an fd, for the caller to close. */
static int open_parent(const char *path, const char **last)
{
    int directory = fcntl(root, F_DUPFD_CLOEXEC, 0);
    const char *part = path + 1, *slash;
    while (directory >= 0 && (slash = strchr(part, '/')) != NULL) {
        directory = open_next(directory, part, (size_t)(slash - part));
        part = slash + 1;
    }
    *last = *part == '\0' ? "." : part;
    if (directory >= 0 && is_upload_name(part))
        return close_and_return(directory, fail(ENOENT));
    return directory;
}

/* What is in the directory under this name, if clients can see it. */
static int stat_entry(int directory, const char *name, struct stat *found)
{
    if (fstatat(directory, name, found, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return S_ISREG(found->st_mode) || S_ISDIR(found->st_mode) ? 0 :
           fail(ENOENT);
}

/* Is there something that clients cannot see? They must not replace it. */
static bool is_hidden(int directory, const char *name)
{
    struct stat found;
    return stat_entry(directory, name, &found) < 0 &&
           fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

int tree_stat(const char *path, struct stat *found)
{
    const char *name;
    int directory = open_parent(path, &name);
    if (directory < 0)
        return -1;
    return close_and_return(directory, stat_entry(directory, name, found));
}

/* Another process may replace the file between stat_entry() and openat(). So
   do not block in openat() (a FIFO), and check the open file once more. */
int tree_read(const char *path, struct stat *found)
{
    const char *name;
    int directory = open_parent(path, &name);
    if (directory < 0)
        return -1;
    int file = stat_entry(directory, name, found) < 0 ? -1 :
               openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
                      O_NOCTTY | O_CLOEXEC);
    close_and_return(directory, 0);
    if (file < 0 || (fstat(file, found) == 0 && S_ISREG(found->st_mode)))
        return file;
    return close_and_return(file, fail(S_ISDIR(found->st_mode) ? EISDIR :
                                       ENOENT));
}

DIR *tree_list(const char *path)
{
    const char *name;
    int directory = open_parent(path, &name);
    if (directory < 0)
        return NULL;
    int fd = open_next(directory, name, strlen(name));
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && list == NULL)
        close_and_return(fd, 0);
    return list;
}

/* A list has a line for each name. A name with a line feed could add lines of
   its own, and other control characters change the terminal that shows the
   list. So names with control characters are left out. */
static bool is_shown(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           !is_upload_name(name) && !text_has_control(name, strlen(name));
}

const char *tree_next(DIR *directory, struct stat *found)
{
    errno = 0;
    struct dirent *entry = readdir(directory);
    if (entry == NULL)
        return NULL;
    return is_shown(entry->d_name) &&
           stat_entry(dirfd(directory), entry->d_name, found) == 0 ?
           entry->d_name : "";
}

/* ---------------------------------------------------------------- changes */

int tree_make_directory(const char *path)
{
    const char *name;
    int directory = open_parent(path, &name);
    if (directory < 0)
        return -1;
    return close_and_return(directory, mkdirat(directory, name, 0777));
}

int tree_remove_directory(const char *path)
{
    const char *name;
    int directory = open_parent(path, &name);
    if (directory < 0)
        return -1;
    return close_and_return(directory,
                            unlinkat(directory, name, AT_REMOVEDIR));
}

int tree_remove_file(const char *path)
{
    const char *name;
    struct stat found;
    int directory = open_parent(path, &name);
    if (directory < 0)
        return -1;
    int result = stat_entry(directory, name, &found);
    if (result == 0)
        result = S_ISDIR(found.st_mode) ? fail(EISDIR) :
                 unlinkat(directory, name, 0);
    return close_and_return(directory, result);
}

int tree_rename(const char *from, const char *to)
{
    const char *name, *new_name;
    struct stat found;
    int directory = open_parent(from, &name);
    if (directory < 0)
        return -1;
    int new_directory = open_parent(to, &new_name);
    if (new_directory < 0)
        return close_and_return(directory, -1);
    int result = stat_entry(directory, name, &found);
    if (result == 0 && is_hidden(new_directory, new_name))
        result = fail(EPERM);
    if (result == 0)
        result = renameat(directory, name, new_directory, new_name);
    close_and_return(new_directory, 0);
    return close_and_return(directory, result);
}

/* ---------------------------------------------------------------- uploads */

/* Open a file without a name, where the system has such files: the kernel
   removes it even if this process dies. tree_publish() needs /proc for it. */
static int open_nameless(int directory)
{
#ifdef O_TMPFILE
    if (access("/proc/self/fd", X_OK) == 0)
        return openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
#endif
    (void)directory;
    return -1;
}

/* May an upload go there? If a file is there, *old says what it is. Returns 1
   if one is there, 0 if none, -1 if it may not. */
static int check_target(int directory, const char *name, struct stat *old)
{
    bool exists = stat_entry(directory, name, old) == 0;
    if (exists && S_ISDIR(old->st_mode))
        return fail(EISDIR);
    if (!exists && is_hidden(directory, name))
        return fail(EPERM);
    if (strlen(name) > NAME_MAX)
        return fail(ENAMETOOLONG);
    return exists;
}

/* Another temporary name. It may be taken: a server that was killed leaves
   files, and the next server may get its pid. */
static void choose_temporary(struct tree_upload *u)
{
    static unsigned count;
    snprintf(u->temporary, sizeof u->temporary, UPLOAD_PREFIX "%ld.%u",
             (long)getpid(), count++);
}

/* Open a file with a temporary name that is free. */
static int open_named(struct tree_upload *u)
{
    int file = -1;
    errno = EEXIST;
    for (int i = 0; i < NAME_TRIES && file < 0 && errno == EEXIST; i++) {
        choose_temporary(u);
        file = openat(u->directory, u->temporary, O_RDWR | O_CREAT | O_EXCL |
                      O_CLOEXEC, 0666);
    }
    u->has_name = file >= 0;
    return file;
}

/* Give a file without a name a temporary name that is free. */
static int link_nameless(struct tree_upload *u)
{
    char open_file[32];
    int result = -1;
    snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", u->file);
    errno = EEXIST;
    for (int i = 0; i < NAME_TRIES && result < 0 && errno == EEXIST; i++) {
        choose_temporary(u);
        result = linkat(AT_FDCWD, open_file, u->directory, u->temporary,
                        AT_SYMLINK_FOLLOW);
    }
    u->has_name = result == 0;
    return result;
}

int tree_begin_upload(struct tree_upload *u, const char *path)
{
    const char *name;
    struct stat old;
    int directory = open_parent(path, &name);
    if (directory < 0)
        return -1;
    int exists = check_target(directory, name, &old);
    if (exists < 0)
        return close_and_return(directory, -1);

    *u = (struct tree_upload){ .directory = directory };
    snprintf(u->target, sizeof u->target, "%s", name);
    u->file = open_nameless(directory);
    if (u->file < 0)
        u->file = open_named(u);
    if (u->file < 0)
        return close_and_return(directory, -1);
    if (exists)
        fchmod(u->file, old.st_mode & 0777);
    return 0;
}

/* linkat(2) gives the file a name, but cannot replace another file. renameat()
   can. */
int tree_publish(struct tree_upload *u)
{
    int result = u->has_name ? 0 : link_nameless(u);
    if (result == 0) {
        result = close(u->file);
        u->file = -1;
    }
    if (result == 0)
        result = renameat(u->directory, u->temporary, u->directory, u->target);
    if (result == 0)
        u->has_name = false;
    int reason = errno;
    tree_discard(u);
    errno = reason;
    return result;
}

void tree_discard(struct tree_upload *u)
{
    if (u->has_name)
        unlinkat(u->directory, u->temporary, 0);
    if (u->file >= 0)
        close(u->file);
    close(u->directory);
    u->file = u->directory = -1;
    u->has_name = false;
}
