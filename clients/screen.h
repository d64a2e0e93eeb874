/*
 * screen: draws a scene on standard output, in two lanes and in time order.
 * Below it: child (its log alone), common.
 *
 *      time  clients              | server
 *      0.01  A connects --------->|
 *      0.01                       | A: accept: fd 4    03-select/server.c:129
 *
 * Left what the clients do, right the lines of the server's log, each with
 * the FILE:LINE that has printed it. Long texts wrap. Of a flood of lines only
 * the first and, before the next action, the last few are drawn.
 *
 * Every function that returns bool draws, and returns false if standard output
 * could not be written; ERROR is errno then, and failure() has the text.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include "child.h"

enum style { /* of a text, where the terminal has colours */
    PLAIN, BOLD, DIM, QUESTION, WRONG, SYSTEM_CALL,
    CLIENT, CLIENTS = 6, /* CLIENT + i: one of the colours of clients */
};

enum arrow { NO_ARROW, TO_SERVER, FROM_SERVER };

struct label {
    const char *name;
    enum style style;
};

struct screen {
    const struct log *log; /* what is drawn in the server's lane */
    bool all;              /* draw all of a flood */
    bool calls;            /* the log has lines of xray, too */
    bool hushed;           /* somebody reads: hold back lines of the log */
    int error;             /* errno, once it could not be written; or 0 */
    double started;        /* the time 0.00; see now() */
    bool terminal;         /* standard output is one */
    bool colours, utf8;    /* it shows them */
    /* private: */
    int columns, lane;     /* of all, of the clients' lane */
    size_t next;           /* the first line of the log not drawn yet */
    size_t drawn;          /* lines of the log since the last action */
    struct label labels[65536]; /* by port: the client's name */
};

/* Look at standard output, and set all but LOG, ALL, CALLS and STARTED. The
   clients' lane has room for each of N names. QUIET: nothing is drawn. False:
   there is no /dev/null. */
bool screen_begin(struct screen *s, char *const *names, size_t n, bool quiet);

/* From now on the log's 127.0.0.1:PORT is drawn as this name. */
void screen_label(struct screen *s, int port, struct label label);

/* The codes that begin a style; "" without colours. The next one ends it. */
const char *screen_style(const struct screen *s, enum style style);

bool screen_title(struct screen *s, const char *title);

/* A sentence, or a question, over the whole width. */
bool screen_sentence(struct screen *s, const char *text, bool question);

/* What a client does, in the clients' lane. */
bool screen_client(struct screen *s, struct label who, enum arrow arrow,
                   const char *text);

/* What we see of the server from outside, in its lane. */
bool screen_note(struct screen *s, const char *text);

/* New lines of the log, as far as they are not held back. */
bool screen_log(struct screen *s);

/* The lines of the log that were held back, or how many they are and the last
   of them. All that is drawn above does this first. */
bool screen_held_back(struct screen *s);

/* While somebody reads (HUSH) the log's lines are held back. */
void screen_hush(struct screen *s, bool hush);

/* The columns that a text takes; a Chinese character takes two. */
int screen_columns(const char *text);

/* A text as it is, and no newline; for what stands between the lines. */
bool screen_print(struct screen *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Is this line of the log none of the server's own, but xray's? */
bool screen_is_call(const struct screen *s, const char *line);

/* A line of the log as it is drawn, to print it elsewhere: clients' names for
   their addresses, and \xHH for what is not text. Valid until the next call
   of any function here. */
const char *screen_text(const struct screen *s, const char *line);

#endif
