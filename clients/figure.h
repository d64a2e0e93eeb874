/*
 * figure: draw a run of a program, as trace() has told of it, in the way of
 * the textbooks: the application above, the kernel below, time to the right.
 *
 * First examine() turns the events into pieces: from here to there, this
 * thread computed, or slept, or the kernel copied. The same pieces are then
 * drawn as text and as SVG, and counted. Nothing in them is a guess:
 *
 *  - a wait is a call that the kernel says has slept, from call to return;
 *  - computing is the time between two calls of a thread;
 *  - data comes when another process calls send() at the other end of one of
 *    our socketpairs, and lies unread until a call of ours returns with it.
 *
 * See Stevens, UNP section 6.2, whose figures 6.1 to 6.5 these are.
 */
#ifndef FIGURE_H
#define FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include "trace.h"

enum {
    MOST_EVENTS = 20000, /* of a run are kept (6 MB); more are counted */
    MOST_LANES = 8,      /* threads are drawn; more are counted */
};

enum piece_kind {
    COMPUTES,      /* a thread, between two of its calls */
    FOR_MESSAGE,   /* a call sleeps: for the message alone ... */
    FOR_OTHERS,    /* ... for other data, or for whatever comes first ... */
    FOR_TIME,      /* ... for some time to go by */
    COPIES,        /* a call returns with data, or has taken some */
    REFUSES,       /* a call returns with EAGAIN */
    SIGNALS,       /* a signal is delivered */
    COMES,         /* data arrives, and lies in its socket until it is read */
    IN_RING,       /* the kernel itself waits for the message: io_uring */
};

struct piece {
    enum piece_kind kind;
    int lane;                  /* whose; 0: the first thread */
    double start, end;         /* ms since ZERO; the same: a moment */
    int number;                /* of the request; 0: of none, or the message */
    int fd;                    /* COMES, COPIES: on which */
    bool takes;                /* COPIES: from the kernel to the program */
    const struct event *event; /* NULL: of no call */
};

struct run {
    /* Filled in by who watches: */
    const char *name;     /* "1  blocking" */
    pid_t pid;            /* threads of this process alone are drawn */
    bool has_message;     /* what comes last is it; else there is none */
    struct event *events; /* by keep() */
    size_t n, left_out;   /* kept; and not */
    char trouble[TEXT];   /* why nothing is to be drawn; else "" */

    /* Found by examine(): */
    double zero;          /* ms since the exec: the task begins */
    double end;           /* ms since zero */
    int message;          /* the fd that it comes on; -1: none */
    double came, taken;   /* ms: it arrives; we have it (-1: never) */
    double copying;       /* ms of CPU that it took to copy; -1: no call did */
    long size;            /* its bytes */
    int lanes, more;      /* threads that are drawn; that are not */
    int requests, early;  /* that were read; before the message came */
    double patience;      /* ms: the longest that one of them lay */
    int calls, in_vain;   /* I/O calls since zero (but close); refused */
    int signals;          /* delivered, but for SIGCHLD ... */
    const char *signal;   /* ... the last one's name */
    struct piece *pieces;
    size_t n_pieces;
};

/* Keep a copy of this event, if it is of use and there is room for it. Ends
   the program where there is no memory. */
void keep(struct run *run, const struct event *event);

/* Find the pieces. Once, after the last event. */
void examine(struct run *run);

/* "recv(3)", "select": a call, as short as it can be said. */
const char *call_name(const struct event *event);

/* The figure as text, WIDTH columns (at least 60), UTF-8; its last TO ms go
   to the right edge. AXIS alone: the scale, to go above or below figures. */
void text_figure(FILE *out, const struct run *run, double to, int width,
                 bool colours);
void text_axis(FILE *out, double to, int width, bool colours);
void text_legend(FILE *out, bool has_message, bool colours);

/* An SVG page, as wide as svg_page() says, in units of which a slide has 1920
   by 1080: its beginning (patterns and colours, light and dark), figures,
   legend, texts in one of the page's classes ("title", "head", "cell", "note"),
   and its end. Y is where a thing begins; svg_figure() returns its height. */
enum { PAGE_WIDTH = 1920, MARGIN = 44 };
void svg_page(FILE *out, double height, const char *title);
double svg_height(const struct run *run);
void svg_figure(FILE *out, const struct run *run, double to, double x,
                double y, double width);
void svg_legend(FILE *out, bool has_message, double x, double y);
void svg_text(FILE *out, const char *class, double x, double y,
              const char *text);
void svg_rule(FILE *out, double x, double y, double width);
void svg_end(FILE *out);

#endif
