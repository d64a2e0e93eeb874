/*
 * timeline: what a program did and when, from the events of trace().
 *
 * timeline_add() keeps the events as they come. timeline_build() turns them
 * into spans: from this moment to that one, this thread computed, or slept in
 * a call, or the kernel copied data. figure-text.h and figure-svg.h draw them.
 * No span is a guess:
 *
 *  - a wait is a call that slept, as the kernel says: from call to return;
 *  - a thread computes between two of its calls;
 *  - data arrives when another process calls send() at the other end of one
 *    of the program's socketpairs. The data is unread until a call of the
 *    program returns with it.
 *
 * See Stevens, UNP section 6.2, on the two phases of a read.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "trace.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    MOST_EVENTS = 10000, /* a timeline keeps them (4 MB); it counts the rest */
    MOST_LANES = 8,      /* threads that it shows; it counts the rest */
};

enum span_kind {
    COMPUTE,      /* a thread is in no call */
    WAIT_MESSAGE, /* a call sleeps until the message arrives */
    WAIT_OTHER,   /* a call sleeps until other data arrives, or any data */
    WAIT_TIME,    /* a call sleeps for some time */
    COPY,         /* a call returns that has copied data */
    REFUSAL,      /* a call returns with EAGAIN */
    SIGNAL,       /* the kernel delivers a signal */
    UNREAD,       /* data has arrived, and no call has read it yet */
    RING_WAIT,    /* io_uring waits for the message; no thread does */
};

struct span {
    enum span_kind kind;
    int lane;                  /* the thread: 0 is the first one */
    double start, end;         /* ms since the start; equal: a moment */
    int number;                /* of the request, from 1 on; 0: none, or the
                                  message */
    int fd;                    /* UNREAD, COPY: the data's; else -1 */
    bool received;             /* COPY: from the kernel to the program */
    const struct event *event; /* the call or signal; NULL: none */
};

struct timeline {
    /* The caller sets these, and all else to 0, before timeline_add(): */
    const char *name;     /* the title: "1 blocking" */
    pid_t pid;            /* show only threads of this process */
    bool has_message;     /* the data that arrives last is the message; false:
                             there is none */
    /* ... and this at any time: */
    char error[TEXT];     /* why there is nothing to draw; else "" */

    /* timeline_add() sets these: */
    struct event *events;
    size_t n_events, n_dropped;

    /* timeline_build() sets these: */
    double start;           /* ms since the exec: the task begins */
    double end;             /* ms since the start, as all times below */
    int message_fd;         /* the message arrives there; -1: no message */
    double arrived, received; /* the message; -1: never */
    double copy_ms;         /* CPU time of the call that copied the message;
                               -1: no call did */
    long message_size;      /* bytes */
    int n_lanes, n_hidden;  /* threads that are shown, and not shown */
    int requests, early;    /* read in all; and before the message arrived */
    double longest_unread;  /* ms: that a request has been unread */
    int calls, eagain_count; /* I/O calls since the start, without close();
                               those of them that returned EAGAIN */
    int signals;            /* delivered, without SIGCHLD */
    struct span *spans;
    size_t n_spans;
};

/* Keep a copy of the event, if the timeline needs it and has room. Ends the
   program with err(3) if there is no memory. */
void timeline_add(struct timeline *t, const struct event *event);

/* Find the spans. Call it once, after the last event. Events and spans stay
   allocated until the program ends. */
void timeline_build(struct timeline *t);

/* Is it one of the three kinds of wait? */
bool is_wait(const struct span *span);

/* Write to TEXT, which has room for SIZE bytes, one line: when the message
   arrived and was copied, or without a message the whole time; and how many
   threads and events the timeline leaves out. */
void timeline_summary(const struct timeline *t, char *text, size_t size);

#endif
