/*
 * words: the words of an action in a scene, and what a word can be: a number,
 * a time, bytes, a signal. Below it: play-common.
 *
 * A function words_want...() reads the next word (or two). It returns false or
 * NULL, after words_mistake(), if the word is missing or wrong.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "play-common.h"

enum {
    MOST_LINE = 4000,           /* bytes of a line of a scene */
    MOST_SCENE = 200 * 1000,    /* bytes of a scene */
    MOST_WORDS = 63,            /* in an action */
    MOST_NUMBER = 1000000000,   /* a number in a scene; bytes of an action */
    MOST_CROWD = 20000,         /* clients: each needs a port of its own */
    MOST_SECONDS = 3600,        /* a time in a scene */
};

struct word {
    char *text;    /* ends with a NUL; a quoted one may have others inside */
    size_t length; /* bytes of it */
    bool quoted;   /* it stood in quotes; escapes are bytes now */
};

struct words {
    const char *file; /* for messages, as the next two */
    int line;         /* how many lines have been read */
    size_t size;      /* bytes of them */
    const char *form; /* how to write this action; NULL: not known yet */
    struct word all[MOST_WORDS];
    size_t n;
    size_t at; /* the next to be read */
};

/* fail("FILE:LINE: TEXT; the form is: FORM"), in one line. Returns false. */
bool words_mistake(const struct words *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* words_mistake(): WORD is no WHAT. Name ALL that can stand there (the last
   one is NULL), and the one that looks like WORD. Returns false. */
bool words_unknown(const struct words *w, const char *what, const char *word,
                   const char *const *all);

/* Read the next line: *LINE, without its newline; NULL at the end of the file.
   Nobody frees it. False: the file cannot be read, is too long, or the line is
   too long, is no UTF-8, or has a control character. */
bool words_read_line(struct words *w, FILE *f, char **line);

/* Read the words at *S, up to a '#', a ';' or the end; *S moves on to there.
   Nobody frees the words: the scene's actions point to them. */
bool words_split(struct words *w, const char **s);

/* If the next word is this one (and not in quotes), read it. */
bool words_next_is(struct words *w, const char *text);

/* Does the next word begin with a digit (and not in quotes)? */
bool words_number_is_next(const struct words *w);

/* Read a word, and return its text; NULL if there is none (a message calls it
   WHAT). */
const char *words_want(struct words *w, const char *what);

/* Read a whole number from LEAST to MOST. A message calls it WHAT. */
bool words_want_number(struct words *w, const char *what, long least,
                       long most, long *number);

/* Read a time: 300ms or 1.5s. */
bool words_want_time(struct words *w, double *seconds);

/* Read bytes: "text", or N "text", or N text. */
bool words_want_bytes(struct words *w, struct bytes *bytes);

/* Read the name of a signal: TERM. */
bool words_want_signal(struct words *w, long *number);

#endif
