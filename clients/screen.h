/*
 * screen: draws a scene on standard output, in two lanes and in time order.
 * Below it: columns, child (its log alone), play-common.
 *
 *      time  clients              | server
 *      0.01  A connects --------->|
 *      0.01                       | A: accept: fd 4    03-select/server.c:129
 *
 * On the left stands what the clients do; on the right the lines of the
 * server's log, each with the FILE:LINE that printed it. A long text wraps. If
 * the server prints many lines, the screen draws the first ones at once and
 * holds back the others; before the next action it draws the last of these.
 *
 * Nothing here exits. A function that draws returns false if it could not
 * write to standard output: ERROR is errno then, and failure() has the text.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include "child.h"

enum style { /* of a text, if the terminal has colours */
    PLAIN, BOLD, DIM, QUESTION, WRONG, SYSTEM_CALL,
    CLIENT, CLIENTS = 6, /* CLIENT + i: the colour of client i % CLIENTS */
};

enum arrow { NO_ARROW, TO_SERVER, FROM_SERVER };

struct label { /* a client's name, as it is drawn */
    const char *name;
    enum style style;
};

struct screen {
    /* The caller sets these: */
    const struct log *log; /* is drawn in the server's lane */
    bool all;              /* draw every line, and hold back none */
    bool calls;            /* the log has lines of xray, too */
    double started;        /* is shown as the time 0.00; see now() */
    /* screen_begin() sets these: */
    bool terminal;         /* standard output is one */
    bool colours, utf8;    /* it shows them */
    int error;             /* errno of a write that failed; 0: none did */
    /* private: */
    int columns, lane;     /* of the screen, of the clients' lane */
    size_t next;           /* the first line of the log not drawn yet */
    size_t drawn;          /* lines of the log since the last action */
    bool hushed;
    struct label labels[65536]; /* of the client that has this port */
};

/* Find out what standard output can show. The clients' lane gets room for each
   of the N names. If QUIET, nothing is drawn. False: /dev/null is missing. */
bool screen_begin(struct screen *s, char *const *names, size_t n, bool quiet);

/* From now on draw 127.0.0.1:PORT in the log as this client's name. */
void screen_label(struct screen *s, int port, struct label label);

/* The codes that begin a style, and end the one before; "" without colours. */
const char *screen_style(const struct screen *s, enum style style);

/* Draw the title, and the names of the lanes. */
bool screen_title(struct screen *s, const char *title);

/* Draw a sentence, or a question, over the whole width. */
bool screen_sentence(struct screen *s, const char *text, bool question);

/* Draw what a client does, in the clients' lane. */
bool screen_client(struct screen *s, struct label client, enum arrow arrow,
                   const char *text);

/* Draw what play sees of the server from outside, in the server's lane. */
bool screen_note(struct screen *s, const char *text);

/* Draw the new lines of the log, but hold back what is too much. */
bool screen_log(struct screen *s);

/* Draw the last of the lines that were held back, and how many are left out.
   screen_sentence(), screen_client() and screen_note() do this first. */
bool screen_held_back(struct screen *s);

/* Hold back all lines of the log (HUSH), while somebody reads; or no more. */
void screen_hush(struct screen *s, bool hush);

/* Print a text as it is, without a newline. */
bool screen_print(struct screen *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Has xray, and not the server, printed this line of the log? */
bool screen_is_call(const struct screen *s, const char *line);

/* A line of the log as the screen would draw it: with the clients' names for
   their addresses, and \xHH for a byte that is not text. It is valid until the
   next call of a function here. */
const char *screen_text(const struct screen *s, const char *line);

#endif
