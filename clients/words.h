/*
 * words: a line of a scene, taken apart: its words, and what a word can be
 * (a number, a time, bytes, a signal). Below it: common.
 *
 * Each function that wants something returns false after words_mistake(),
 * which says where, and which word is wrong.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include "common.h"

enum {
    MOST_WORDS = 63,            /* in an action */
    MOST_NUMBER = 1000000000,   /* a number in a scene */
    MOST_SECONDS = 3600,        /* a time in a scene */
};

struct word {
    char *text;    /* ends with a NUL, and may have some inside */
    size_t length; /* of text */
    bool quoted;   /* it stood in "", and its escapes are bytes now */
};

struct words {
    const char *file; /* both for messages */
    int line;
    const char *form; /* how the action is to be written; NULL: not known */
    struct word all[MOST_WORDS];
    size_t n;
    size_t at; /* the next to be read */
};

/* Keep the text of a mistake, "FILE:LINE: TEXT", for failure(); with the form,
   if it is known. Control bytes become '?'. Returns false. */
bool words_mistake(const struct words *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Take *S apart, up to its end, a '#' or a ';' outside of quotes, and set *S
   to that. The words' memory is kept until the program ends. */
bool words_split(struct words *w, const char **s);

/* Is the next word this one, and not quoted? Then it is read. */
bool words_next_is(struct words *w, const char *text);

/* Is the next word a number (or something that begins like one)? */
bool words_number_is_next(const struct words *w);

/* Read a word; WHAT it is, for the mistake that it is missing. */
bool words_want(struct words *w, const char *what, const char **text);

/* Read a whole number from LEAST to MOST. */
bool words_want_number(struct words *w, const char *what, long least,
                       long most, long *number);

/* Read a time, 300ms or 1.5s. */
bool words_want_time(struct words *w, double *seconds);

/* Read bytes: "text", or N "text", or N text. */
bool words_want_bytes(struct words *w, struct bytes *bytes);

/* Read the name of a signal, as TERM. */
bool words_want_signal(struct words *w, long *number);

#endif
