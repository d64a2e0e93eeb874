/*
 * play-common: what all modules of play use: the clock, the text of a failure,
 * flags of an fd, bytes and how they look in quotes, names of signals. It
 * includes no other module.
 *
 * How play fails: a function that can fail returns bool. Before it returns
 * false it has called fail(), or a function below it has. So a caller just
 * returns false as well; play.c alone prints the text, and exits.
 */
#ifndef PLAY_COMMON_H
#define PLAY_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { FAILURE_BYTES = 1000 }; /* a longer text is cut */

/* Seconds on the monotonic clock (clock_gettime(2)). */
double now(void);

/* Keep a text for failure(), in place of the one before; returns false. */
bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The text of the last fail(). */
const char *failure(void);

/* realloc(3) to SIZE bytes; NULL after fail(), and OLD is as it was. */
void *grown(void *old, size_t size);

/* Close this fd in every program that we start (FD_CLOEXEC). */
void fd_close_on_exec(int fd);

/* The same, and no call on this fd waits (O_NONBLOCK). */
void fd_nonblocking(int fd);

/* pipe(2), closed on exec; else fail(). */
bool fd_pipe(int ends[2]);

/* The LENGTH bytes at TEXT (a NUL is a byte, too), TIMES times. */
struct bytes {
    const char *text;
    size_t length;
    size_t times;
};

/* LENGTH * TIMES. */
size_t bytes_total(const struct bytes *b);

/* Copy the bytes from OFFSET on, at most MOST, and return how many. */
size_t bytes_slice(const struct bytes *b, size_t offset, char *to,
                   size_t most);

/* How a text ends that is cut: "...", or "…" where the screen shows it. */
extern const char *dots;

/* Write the bytes to TO as C would: "text\n". What is longer than SIZE (at
   least 20) is cut, and ends in dots. Returns TO. */
char *quote(char *to, size_t size, const char *bytes, size_t length);

/* The same for what a scene names: 300 "x". */
char *bytes_quote(char *to, size_t size, const struct bytes *b);

/* The character at S, a number of Unicode, and its *LENGTH in bytes; -1, and
   *LENGTH is 1, if S does not begin with a character in UTF-8. */
long character_at(const char *s, size_t *length);

/* Would a terminal do something else than show this character? So do control
   characters, and marks that change the direction of a text or have no
   width. */
bool is_control(long character);

/* Print a text, which may have newlines; of what is_control(), print \xHH. */
void print_text(FILE *to, const char *text);

/* "TERM" -> SIGTERM; 0 if it is none of the 18 that a scene can name. */
int signal_number(const char *name);

/* SIGTERM -> "SIGTERM"; for any other number what strsignal(3) says. */
const char *signal_name(int number);

#endif
