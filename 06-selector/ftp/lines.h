/*
 * lines: the bytes that a client has sent on its control connection, as lines.
 * It makes no system calls.
 */
#ifndef FTP_LINES_H
#define FTP_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum {
    LINES_SIZE = 1280,      /* bytes: a longer line is no command */
    LINES_MAX = 64 * 1024,  /* bytes of all lines that wait to run */
};

/* Set all of it to 0 at first. */
struct lines {
    char *bytes;      /* NULL: there are none */
    size_t size;
    size_t last;      /* where the last line begins, which is not complete */
    int telnet;       /* how far a Telnet command has come; see lines.c */
};

enum lines_result {
    LINES_NONE,    /* there is no complete line */
    LINES_TEXT,    /* there is one */
    LINES_INVALID, /* there is one, but it is no command: it is empty, was too
                      long, or has control characters */
};

/* How many bytes lines_add() can take now. */
size_t lines_room(const struct lines *lines);

/* Add bytes from the client, at most lines_room(). It removes the Telnet
   commands in them. Returns -1 without memory, and sets errno. */
int lines_add(struct lines *lines, const char *bytes, size_t length);

/* Copy the first complete line, without its LF or CR LF, to line[LINES_SIZE].
   It stays the first one until lines_remove(). */
enum lines_result lines_first(const struct lines *lines, char *line);

/* Remove the first complete line. */
void lines_remove(struct lines *lines);

/* Is a complete line this command, in capitals or not? */
bool lines_has(const struct lines *lines, const char *command);

/* If a complete line is this command, it becomes the first one. */
void lines_move_to_front(struct lines *lines, const char *command);

/* Remove all bytes, and free the memory. */
void lines_clear(struct lines *lines);

#endif
