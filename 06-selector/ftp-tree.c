/*
 * ftp-tree: the files below one directory; what it promises is in ftp-tree.h.
 *
 * Look at walk(): nothing gets to a file but through it.
 */
#define _GNU_SOURCE /* O_TMPFILE */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ftp-tree.h"

/* Uploads that need a name have one that begins so; clients never see it. */
#define SECRET ".ftp-upload."

static int root = -1;

static int fail(int reason)
{
    errno = reason;
    return -1;
}

/* Close it, and do not lose the reason why. */
static int close_quietly(int fd, int result)
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

static bool is_part(const char *part, size_t length, const char *what)
{
    return length == strlen(what) && memcmp(part, what, length) == 0;
}

int tree_join(char *path, const char *from, const char *name)
{
    char joined[TREE_PATH];
    size_t length = *name == '/' || is_part(from, strlen(from), "/") ? 0 :
                    strlen(from);
    memcpy(joined, from, length);
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return fail(EINVAL);
    while (*name != '\0') {
        size_t part = strcspn(name, "/");
        if (is_part(name, part, ".."))
            while (length > 0 && joined[--length] != '/')
                ;
        else if (part > 0 && !is_part(name, part, ".")) {
            if (length + 1 + part >= TREE_PATH)
                return fail(ENAMETOOLONG);
            joined[length++] = '/';
            memcpy(joined + length, name, part);
            length += part;
        }
        name += part + (name[part] == '/');
    }
    if (length == 0)
        joined[length++] = '/';
    memcpy(path, joined, length);
    path[length] = '\0';
    return 0;
}

static bool is_secret(const char *name)
{
    return strncmp(name, SECRET, strlen(SECRET)) == 0;
}

/* Open the directory that the last part of the path is in; *last is that part,
   or "." for the root itself. Returns its fd, to be closed. */
static int walk(const char *path, const char **last)
{
    char part[NAME_MAX + 1];
    int directory = fcntl(root, F_DUPFD_CLOEXEC, 0);
    const char *slash;
    for (path++; directory >= 0 && (slash = strchr(path, '/')) != NULL;
         path = slash + 1) {
        size_t length = (size_t)(slash - path);
        if (length > NAME_MAX)
            return close_quietly(directory, fail(ENAMETOOLONG));
        memcpy(part, path, length);
        part[length] = '\0';
        int next = openat(directory, part, O_RDONLY | O_DIRECTORY |
                          O_NOFOLLOW | O_CLOEXEC);
        directory = close_quietly(directory, next);
    }
    *last = *path == '\0' ? "." : path;
    if (directory >= 0 && is_secret(path))
        return close_quietly(directory, fail(ENOENT));
    return directory;
}

/* What is there, if it is something that we show. */
static int look(int directory, const char *name, struct stat *found)
{
    if (fstatat(directory, name, found, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return S_ISREG(found->st_mode) || S_ISDIR(found->st_mode) ? 0 :
           fail(ENOENT);
}

/* Is there what we do not show? Then it is not ours to replace, either. */
static bool is_hidden(int directory, const char *name)
{
    struct stat found;
    return look(directory, name, &found) < 0 &&
           fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

int tree_stat(const char *path, struct stat *found)
{
    const char *name;
    int directory = walk(path, &name);
    return directory < 0 ? -1 :
           close_quietly(directory, look(directory, name, found));
}

/* It may have become another thing after the first look: so we do not wait in
   open(), as for a pipe's other end, and look again at what is open. */
int tree_read(const char *path, struct stat *found)
{
    const char *name;
    int directory = walk(path, &name);
    if (directory < 0)
        return -1;
    int file = look(directory, name, found) < 0 ? -1 :
               openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
                      O_NOCTTY | O_CLOEXEC);
    close_quietly(directory, 0);
    if (file < 0 || (fstat(file, found) == 0 && S_ISREG(found->st_mode)))
        return file;
    return close_quietly(file, fail(S_ISDIR(found->st_mode) ? EISDIR :
                                    ENOENT));
}

DIR *tree_list(const char *path)
{
    const char *name;
    int directory = walk(path, &name);
    if (directory < 0)
        return NULL;
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
                    O_CLOEXEC);
    close_quietly(directory, 0);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && list == NULL)
        close_quietly(fd, 0);
    return list;
}

/* A name is a part of a line for the client: one with a line's end in it could
   tell it anything. */
static bool is_shown(const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || is_secret(name))
        return false;
    while ((unsigned char)*name >= ' ' && *name != 127)
        name++;
    return *name == '\0';
}

const char *tree_next(DIR *directory, struct stat *found)
{
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        if (is_shown(entry->d_name) &&
            look(dirfd(directory), entry->d_name, found) == 0)
            return entry->d_name;
    return NULL;
}

int tree_make_directory(const char *path)
{
    const char *name;
    int directory = walk(path, &name);
    return directory < 0 ? -1 :
           close_quietly(directory, mkdirat(directory, name, 0777));
}

int tree_remove_directory(const char *path)
{
    const char *name;
    int directory = walk(path, &name);
    return directory < 0 ? -1 :
           close_quietly(directory, unlinkat(directory, name, AT_REMOVEDIR));
}

int tree_remove_file(const char *path)
{
    const char *name;
    struct stat found;
    int directory = walk(path, &name);
    if (directory < 0)
        return -1;
    int result = look(directory, name, &found);
    if (result == 0)
        result = S_ISDIR(found.st_mode) ? fail(EISDIR) :
                 unlinkat(directory, name, 0);
    return close_quietly(directory, result);
}

int tree_rename(const char *from, const char *to)
{
    const char *name, *new_name;
    struct stat found;
    int directory = walk(from, &name);
    if (directory < 0)
        return -1;
    int new_directory = walk(to, &new_name);
    if (new_directory < 0)
        return close_quietly(directory, -1);
    int result = look(directory, name, &found);
    if (result == 0 && is_hidden(new_directory, new_name))
        result = fail(EPERM);
    if (result == 0)
        result = renameat(directory, name, new_directory, new_name);
    close_quietly(new_directory, 0);
    return close_quietly(directory, result);
}

/* A file without a name, if there is such a thing here. Then the kernel takes
   it back whatever becomes of us. Its way to a name leads through /proc. */
static int open_nameless(int directory)
{
#ifdef O_TMPFILE
    if (access("/proc/self/fd", X_OK) == 0)
        return openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
#endif
    (void)directory;
    return -1;
}

int tree_begin(struct tree_upload *u, const char *path)
{
    static unsigned count;
    const char *name;
    struct stat old;
    int directory = walk(path, &name);
    if (directory < 0)
        return -1;
    bool there = look(directory, name, &old) == 0;
    if (there && S_ISDIR(old.st_mode))
        return close_quietly(directory, fail(EISDIR));
    if (is_hidden(directory, name))
        return close_quietly(directory, fail(EPERM));
    if (strlen(name) > NAME_MAX)
        return close_quietly(directory, fail(ENAMETOOLONG));

    *u = (struct tree_upload){ .directory = directory };
    snprintf(u->target, sizeof u->target, "%s", name);
    snprintf(u->name, sizeof u->name, SECRET "%ld.%u", (long)getpid(),
             count++);
    u->file = open_nameless(directory);
    if (u->file < 0) {
        u->file = openat(directory, u->name, O_RDWR | O_CREAT | O_EXCL |
                         O_CLOEXEC, 0666);
        u->named = u->file >= 0;
    }
    if (u->file < 0)
        return close_quietly(directory, -1);
    if (there)
        fchmod(u->file, old.st_mode & 0777);
    return 0;
}

/* linkat() gives a name, but none that is taken; rename() takes that, too. */
int tree_publish(struct tree_upload *u)
{
    char open_file[32];
    snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", u->file);
    if (!u->named && linkat(AT_FDCWD, open_file, u->directory, u->name,
                            AT_SYMLINK_FOLLOW) == 0)
        u->named = true;
    int result = u->named ? close(u->file) : -1;
    if (u->named)
        u->file = -1;
    if (result == 0)
        result = renameat(u->directory, u->name, u->directory, u->target);
    if (result == 0)
        u->named = false;
    int reason = errno;
    tree_drop(u);
    errno = reason;
    return result;
}

void tree_drop(struct tree_upload *u)
{
    if (u->named)
        unlinkat(u->directory, u->name, 0);
    if (u->file >= 0)
        close(u->file);
    close(u->directory);
    u->file = u->directory = -1;
    u->named = false;
}
