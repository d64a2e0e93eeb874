/*
 * run: what a program did, piece by piece, from what trace() told of it.
 *
 * keep() takes the events as they come; examine() turns them into pieces:
 * from here to there, this thread computed, or slept, or the kernel copied.
 * figure.h draws them. Nothing in them is a guess:
 *
 *  - a wait is a call that the kernel says has slept, from call to return;
 *  - computing is the time between two calls of a thread;
 *  - data comes when another process calls send() at the other end of one of
 *    our socketpairs, and lies unread until a call of ours returns with it.
 *
 * See Stevens, UNP section 6.2, on the two phases of a read.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "trace.h"

enum {
    MOST_EVENTS = 10000, /* of a run are kept (4 MB); more are counted */
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
    const char *name;     /* "1 blocking" */
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
    int signals;          /* delivered, but for SIGCHLD */
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

/* Is it one of the three kinds of sleep? */
bool is_wait(const struct piece *piece);

/* How the message came to us, in a line; where there is none, how long it all
   took, and what is left out. */
const char *story(const struct run *run);

/* How much of TEXT goes on a line of so many characters. */
size_t line_of(const char *text, size_t most);

/* The distance of two marks, ten at most, on a scale of so many ms. */
double tick_of(double to);

#endif
