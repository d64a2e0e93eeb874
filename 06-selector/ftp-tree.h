/*
 * ftp-tree: the files below one directory, the root, and no others. It is all
 * that the FTP server knows of a disk.
 *
 * A path here is as a client sees it: "/" is the root, and it has been through
 * tree_join(), so there is no "..", "." or empty part in it. That alone keeps
 * nobody in: a part may be a symbolic link to elsewhere, and it may become one
 * between a look at it and its use. Therefore each call opens the way part by
 * part, each from the one before, with openat() and O_NOFOLLOW, and works on
 * what is open. No link is ever followed; links, and what else is neither a
 * file nor a directory, are not to be seen either.
 *
 * What returns int returns -1 where it fails, with the reason in errno: as the
 * system's calls say, and ENOENT, EISDIR, ENOTDIR for what is not of its kind.
 * See also: openat(2), path_resolution(7).
 */
#ifndef FTP_TREE_H
#define FTP_TREE_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum {
    TREE_PATH = 1024, /* bytes of a path, its 0 included */
};

/* A file that is being written. Until tree_publish() nobody sees it. */
struct tree_upload {
    int file;                  /* write here */
    int directory;             /* where it will be, open */
    char target[NAME_MAX + 1]; /* ... and under which name */
    char name[48];             /* what it is called until then ... */
    bool named;                /* ... where the system wants it to have one */
};

/* Choose the root, once. */
int tree_open(const char *directory);

/* The path that is meant by name, for somebody who is in the directory from.
   Goes to path[TREE_PATH], which may be from. ".." ends at the root. Errors:
   ENAMETOOLONG; EINVAL, a control character. */
int tree_join(char *path, const char *from, const char *name);

/* What is there: a file or a directory. */
int tree_stat(const char *path, struct stat *found);

/* Open a file, to read; what it is goes to *found. */
int tree_read(const char *path, struct stat *found);

/* Open a directory, for tree_next(); or NULL. End with closedir(). */
DIR *tree_list(const char *path);

/* The next file or directory in it, in no order; NULL: that was the last. The
   name lasts until the next call. */
const char *tree_next(DIR *directory, struct stat *found);

int tree_make_directory(const char *path);
int tree_remove_directory(const char *path);
int tree_remove_file(const char *path);

/* Give it another path; a file that was there is gone then. */
int tree_rename(const char *from, const char *to);

/* Begin a file that will be at path. What is there stays until it is done. */
int tree_begin(struct tree_upload *upload, const char *path);

/* It is complete: put it there, in one step. Where that fails it is dropped,
   and what was there stays. In both cases the upload is over. */
int tree_publish(struct tree_upload *upload);

/* It never was. */
void tree_drop(struct tree_upload *upload);

#endif
