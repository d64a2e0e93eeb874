/*
 * tree: the files below one directory, the root, and no other files. This
 * module makes all system calls of the FTP server that take a file name.
 *
 * A path is as the client sees it: "/" is the root. It comes from tree_join(),
 * so it has no "..", no "." and no empty part. This check of the string is not
 * enough to keep a client below the root: a part may be a symbolic link, or
 * may become one after the check. So each function opens the path part by
 * part, each part relative to the one before, with openat(2) and O_NOFOLLOW,
 * and works on the open directory. It follows no symbolic link. For a client
 * only regular files and directories exist.
 *
 * Each function that returns int returns -1 after an error, and sets errno: an
 * error of the system call, or as its comment says. ENOENT is also the error
 * for a symbolic link, a FIFO, a device or a socket.
 * See also: openat(2), path_resolution(7).
 */
#ifndef FTP_TREE_H
#define FTP_TREE_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum {
    TREE_PATH = 1024, /* bytes of a path, with its 0 */
};

/* A file that a client is uploading. Clients cannot see it before
   tree_publish(). Write to .file; the rest belongs to this module. */
struct tree_upload {
    int file;                  /* an open fd */
    int directory;             /* the directory of the new file, an open fd */
    char target[NAME_MAX + 1]; /* the new file's name there */
    char temporary[48];        /* its name until it is complete ... */
    bool has_name;             /* ... if it has a name now */
};

/* Choose the root, a directory of the system. Call this once, first. */
int tree_open(const char *directory);

/* The path that name means for a client whose current directory is from.
   Writes it to path[TREE_PATH], which may be from itself. ".." in the root is
   the root. Errors: ENAMETOOLONG; EINVAL, name has a control character: see
   text.h. */
int tree_join(char *path, const char *from, const char *name);

/* What is at path, a file or a directory: writes it to *found. */
int tree_stat(const char *path, struct stat *found);

/* Open a file for reading. Returns an fd; writes what it is to *found.
   Errors: EISDIR, it is a directory. */
int tree_read(const char *path, struct stat *found);

/* Open a directory for tree_next(). Returns NULL after an error. The caller
   ends with closedir(3). */
DIR *tree_list(const char *path);

/* The next entry of it, in no particular order: returns its name, which is
   valid until the next call, and writes what it is to *found. "": clients
   cannot see this entry. NULL: there are no more, and errno is 0; or an error,
   see errno. */
const char *tree_next(DIR *directory, struct stat *found);

/* Make a directory, remove an empty one, remove a file (EISDIR: it is a
   directory). */
int tree_make_directory(const char *path);
int tree_remove_directory(const char *path);
int tree_remove_file(const char *path);

/* Rename a file or a directory. A file at the path to is replaced. Errors:
   EPERM, at that path is something that clients cannot see. */
int tree_rename(const char *from, const char *to);

/* Begin a file that will be at path. A file that is there stays until
   tree_publish() replaces it. The upload must end with tree_publish() or
   tree_discard(). Errors: EISDIR; EPERM, as tree_rename(). */
int tree_begin_upload(struct tree_upload *upload, const char *path);

/* The file is complete: put it in its place, in one step. After an error the
   new file is discarded, and the old one stays. Both end the upload. */
int tree_publish(struct tree_upload *upload);

/* End the upload. Nothing of it is left. */
void tree_discard(struct tree_upload *upload);

#endif
