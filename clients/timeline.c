/*
 * timeline: what a program did and when, from the events of trace().
 *
 * See timeline.h for the kinds of spans. Look at wait_kind(): what did a call
 * that slept wait for?
 */
#include "timeline.h"
#include <err.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PAIRS = 16 }; /* socketpairs of the program that we remember */

/* What is known so far, while timeline_build() goes through the events. */
struct builder {
    struct timeline *t;
    struct { int ours, theirs; } pairs[MOST_PAIRS]; /* fds */
    int n_pairs;
    struct {
        pid_t tid;
        double free_since; /* ms since the exec: it is in no call */
        int request;       /* that it has read last, and now works on */
    } threads[MOST_LANES];
    double submitted;      /* ms since the exec: to io_uring; -1: nothing */
    size_t n_arrivals;     /* the first spans of the timeline are these */
};

/* Make room for one more element than the N that are there: when N is a power
   of 2, the array doubles. Returns the array. */
static void *grow(void *array, size_t n, size_t size)
{
    if ((n & (n - 1)) != 0)
        return array;
    array = realloc(array, (n == 0 ? 1 : 2 * n) * size);
    if (!array)
        err(1, "malloc");
    return array;
}

void timeline_add(struct timeline *t, const struct event *event)
{
    if (event->kind == CALL_SLEEPS || event->kind == ALL_ENDED ||
        event->is_log)
        return;
    if (t->n_events == MOST_EVENTS) {
        t->n_dropped++;
        return;
    }
    t->events = grow(t->events, t->n_events, sizeof *t->events);
    t->events[t->n_events++] = *event;
}

/* START and END are in ms since the exec, as in an event. */
static struct span *add_span(struct timeline *t, enum span_kind kind, int lane,
                             double start, double end,
                             const struct event *event)
{
    t->spans = grow(t->spans, t->n_spans, sizeof *t->spans);
    struct span *span = &t->spans[t->n_spans++];
    *span = (struct span){
        .kind = kind, .lane = lane, .fd = -1, .event = event,
        .start = start < t->start ? 0 : start - t->start,
        .end = end < t->start ? 0 : end - t->start,
    };
    return span;
}

/* Is NAME one of the words of this list? */
static bool is_one_of(const char *name, const char *list)
{
    const char *found = strstr(list, name);
    size_t length = strlen(name);
    return found && (found == list || found[-1] == ' ') &&
           (found[length] == ' ' || found[length] == '\0');
}

static bool receives(const struct event *e)
{
    return e->kind == CALL_ENDS && e->bytes > 0 &&
           is_one_of(e->name, "recv recvfrom recvmsg read readv pread");
}

static bool sends(const struct event *e)
{
    return e->kind == CALL_ENDS && e->bytes > 0 &&
           is_one_of(e->name, "send sendto sendmsg write writev");
}

/* The program's socketpairs: it keeps one end, another process the other. The
   task begins when the last of them is there. */
static void find_pairs(struct builder *b)
{
    struct timeline *t = b->t;
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        int ours, theirs;
        if (e->kind != CALL_ENDS || strcmp(e->name, "socketpair") != 0 ||
            e->pid != t->pid || b->n_pairs == MOST_PAIRS ||
            sscanf(e->detail, "%d, %d", &ours, &theirs) != 2)
            continue;
        b->pairs[b->n_pairs].ours = ours;
        b->pairs[b->n_pairs++].theirs = theirs;
        if (t->has_message)
            t->start = e->end;
    }
}

/* The program's fd on which the data that this event sends arrives; or -1. */
static int arrives_on(const struct builder *b, const struct event *e)
{
    int fd = -1;
    for (int i = 0; i < b->n_pairs; i++)
        if (sends(e) && e->pid != b->t->pid && e->fd == b->pairs[i].theirs)
            fd = b->pairs[i].ours;
    return fd;
}

/* The data that arrives, unread at first. The last is the message. */
static void find_arrivals(struct builder *b)
{
    struct timeline *t = b->t;
    int number = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        int fd = arrives_on(b, e);
        if (fd < 0)
            continue;
        add_span(t, UNREAD, 0, e->start, INFINITY, e)->fd = fd;
        t->message_fd = t->has_message ? fd : -1;
        t->arrived = e->start - t->start;
        t->message_size = e->bytes;
    }
    b->n_arrivals = t->n_spans;
    for (size_t i = 0; i < b->n_arrivals; i++)
        if (t->spans[i].fd != t->message_fd)
            t->spans[i].number = ++number;
}

/* What did a call that slept wait for? The fds among its arguments say it; the
   "2 watched" of epoll_wait() is no fd. A call that names no fd waited for the
   message if the message arrived while the call slept. */
static enum span_kind wait_kind(const struct timeline *t,
                                const struct event *e)
{
    char *rest;
    long fd = strtol(e->arguments, &rest, 10);
    bool names_fds = rest > e->arguments && e->name[0] != 'e';
    if (strcmp(e->name, "nanosleep") == 0)
        return WAIT_TIME;
    if (t->message_fd < 0)
        return WAIT_MESSAGE;
    if (names_fds)
        return fd == t->message_fd && *rest != ',' ? WAIT_MESSAGE : WAIT_OTHER;
    return e->start - t->start <= t->arrived && t->arrived <= e->end - t->start
        ? WAIT_MESSAGE : WAIT_OTHER;
}

/* A call at this time has read the first data on FD that was unread. */
static void end_unread(struct builder *b, int fd, double end)
{
    struct timeline *t = b->t;
    for (size_t i = 0; i < b->n_arrivals; i++) {
        struct span *span = &t->spans[i];
        if (span->fd != fd || !isinf(span->end))
            continue;
        span->end = end;
        if (fd != t->message_fd && end - span->start > t->longest_unread)
            t->longest_unread = end - span->start;
        return;
    }
}

/* A call has copied data. */
static void add_copy(struct builder *b, int lane, const struct event *e)
{
    struct timeline *t = b->t;
    double end = e->end - t->start;
    struct span *copy = add_span(t, COPY, lane, e->end, e->end, e);
    copy->fd = e->fd;
    copy->received = receives(e);
    if (!copy->received || !e->on_socket)
        return;
    if (e->fd == t->message_fd) {
        t->received = end;
        t->copy_ms = e->cpu_ms;
    } else {
        copy->number = b->threads[lane].request = ++t->requests;
        t->early += end < t->arrived;
    }
    end_unread(b, e->fd, end);
}

/* The thread was in no call until this time, so it has computed. */
static void add_compute(struct builder *b, int lane, double until)
{
    double since = b->threads[lane].free_since;
    if (until > since && until > b->t->start)
        add_span(b->t, COMPUTE, lane, since, until, NULL)->number =
            b->threads[lane].request;
    b->threads[lane].request = 0;
}

/* A call of io_uring_enter(). One that submits nothing has waited for the
   completion of the message. */
static void add_ring_call(struct builder *b, const struct event *e)
{
    struct timeline *t = b->t;
    int submits;
    if (sscanf(e->arguments, "submit %d", &submits) != 1)
        return;
    if (submits > 0)
        b->submitted = e->end;
    else if (t->received < 0 && e->end - t->start > t->arrived)
        t->received = e->end - t->start;
}

static void add_call(struct builder *b, int lane, const struct event *e)
{
    struct timeline *t = b->t;
    add_compute(b, lane, e->start);
    b->threads[lane].free_since = e->end;
    if (e->start < t->start)
        return;
    t->calls += strcmp(e->name, "close") != 0;
    t->eagain_count += e->refused;
    if (e->slept)
        add_span(t, wait_kind(t, e), lane, e->start, e->end, e);
    if (e->refused)
        add_span(t, REFUSAL, lane, e->end, e->end, e);
    if (receives(e) || sends(e))
        add_copy(b, lane, e);
    add_ring_call(b, e);
}

/* -1: the thread is not shown. */
static int lane_of(const struct builder *b, pid_t tid)
{
    for (int i = 0; i < b->t->n_lanes; i++)
        if (b->threads[i].tid == tid)
            return i;
    return -1;
}

static void add_lane(struct builder *b, const struct event *e)
{
    struct timeline *t = b->t;
    if (lane_of(b, e->tid) >= 0)
        return; /* it has called exec */
    if (t->n_lanes == MOST_LANES) {
        t->n_hidden++;
        return;
    }
    b->threads[t->n_lanes].free_since = e->start;
    b->threads[t->n_lanes++].tid = e->tid;
}

static void add_event(struct builder *b, const struct event *e)
{
    struct timeline *t = b->t;
    int lane = lane_of(b, e->tid);
    if (e->end - t->start > t->end)
        t->end = e->end - t->start;
    if (e->kind == THREAD_BEGINS) {
        add_lane(b, e);
    } else if (e->kind == SIGNAL_COMES && strcmp(e->name, "SIGCHLD") != 0) {
        t->signals++;
        if (lane >= 0)
            add_span(t, SIGNAL, lane, e->end, e->end, e);
    } else if (e->kind == CALL_ENDS && lane >= 0) {
        add_call(b, lane, e);
    } else if (e->kind == THREAD_ENDS && lane >= 0) {
        if (b->threads[lane].free_since < e->start)
            add_compute(b, lane, e->start);
    }
}

/* Data that no call of the program has read. */
static void end_arrivals(struct builder *b)
{
    struct timeline *t = b->t;
    for (size_t i = 0; i < b->n_arrivals; i++)
        if (isinf(t->spans[i].end))
            t->spans[i].end = t->spans[i].fd == t->message_fd ? t->received
                                                              : t->end;
}

void timeline_build(struct timeline *t)
{
    struct builder b = { .t = t, .submitted = -1 };
    t->message_fd = -1;
    t->arrived = t->received = t->copy_ms = -1;
    find_pairs(&b);
    find_arrivals(&b);
    for (size_t i = 0; i < t->n_events; i++)
        if (t->events[i].pid == t->pid)
            add_event(&b, &t->events[i]);
    if (b.submitted >= 0 && t->message_fd >= 0 && t->copy_ms < 0) {
        /* io_uring copied the message; no call of the program did. */
        add_span(t, RING_WAIT, 0, b.submitted, t->arrived + t->start, NULL);
        if (t->received < 0)
            t->received = t->arrived;
    }
    end_arrivals(&b);
}

bool is_wait(const struct span *span)
{
    return span->kind >= WAIT_MESSAGE && span->kind <= WAIT_TIME;
}

void timeline_summary(const struct timeline *t, char *text, size_t size)
{
    char threads[48] = "", events[48] = "";
    if (t->n_hidden > 0)
        snprintf(threads, sizeof threads, "; %d more threads", t->n_hidden);
    if (t->n_dropped > 0)
        snprintf(events, sizeof events, "; then %zu more events",
                 t->n_dropped);
    if (t->message_fd < 0 || t->received < 0)
        snprintf(text, size, "%.1f ms%s%s", t->end, threads, events);
    else if (t->copy_ms < 0)
        snprintf(text, size, "message %.1f, completed %.1f ms: %ld bytes, no "
                 "recv()", t->arrived, t->received, t->message_size);
    else
        snprintf(text, size, "message %.1f, copied %.1f ms: %ld bytes in "
                 "%.2f ms", t->arrived, t->received, t->message_size,
                 t->copy_ms);
}
