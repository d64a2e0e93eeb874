/*
 * run: what a program did, piece by piece, from what trace() told of it.
 *
 * See run.h for what the pieces are. Look at sleeps_for() for which wait is
 * whose.
 */
#include "run.h"
#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_PAIRS = 16,    /* socketpairs that we know the ends of */
    NEVER = 1000000000, /* ms: it has not been read yet */
};

static struct { /* what is known so far, while a run is examined */
    struct run *run;
    int ours[MOST_PAIRS], theirs[MOST_PAIRS], pairs; /* fds */
    pid_t tids[MOST_LANES];
    double free[MOST_LANES];  /* since when a thread has been in no call */
    int in_hand[MOST_LANES];  /* the request that it has read last */
    double submitted;         /* to io_uring; less than 0: nothing */
    size_t arrivals;          /* the first of the pieces are these */
} so_far;

void keep(struct run *run, const struct event *event)
{
    if (event->what == CALL_SLEEPS || event->what == OVER || event->is_log)
        return;
    if (run->n == MOST_EVENTS) {
        run->left_out++;
        return;
    }
    if ((run->n & (run->n - 1)) == 0) { /* 0, 1, 2, 4 ... : twice the room */
        size_t room = run->n == 0 ? 1 : 2 * run->n;
        run->events = realloc(run->events, room * sizeof *run->events);
        if (!run->events)
            err(1, "malloc");
    }
    run->events[run->n++] = *event;
}

static struct piece *add_piece(enum piece_kind kind, int lane, double start,
                               double end, const struct event *event)
{
    struct run *run = so_far.run;
    size_t n = run->n_pieces;
    if ((n & (n - 1)) == 0) {
        size_t room = n == 0 ? 1 : 2 * n;
        run->pieces = realloc(run->pieces, room * sizeof *run->pieces);
        if (!run->pieces)
            err(1, "malloc");
    }
    start = start < run->zero ? 0 : start - run->zero;
    end = end < run->zero ? 0 : end - run->zero;
    run->pieces[n] = (struct piece){
        .kind = kind, .lane = lane, .start = start, .end = end, .fd = -1,
        .event = event,
    };
    run->n_pieces++;
    return &run->pieces[n];
}

static bool names(const char *name, const char *one_of)
{
    const char *found = strstr(one_of, name);
    size_t length = strlen(name);
    return found && (found == one_of || found[-1] == ' ') &&
           (found[length] == ' ' || found[length] == '\0');
}

static bool takes(const struct event *e)
{
    return e->what == CALL && e->bytes > 0 &&
           names(e->name, "recv recvfrom recvmsg read readv pread");
}

static bool gives(const struct event *e)
{
    return e->what == CALL && e->bytes > 0 &&
           names(e->name, "send sendto sendmsg write writev");
}

/* What others send to us, by the ends of our socketpairs. The last is the
   message, the fd that it comes on is the message's. */
static void find_arrivals(void)
{
    struct run *run = so_far.run;
    for (size_t i = 0; i < run->n; i++) {
        const struct event *e = &run->events[i];
        int ours = -1;
        for (int p = 0; p < so_far.pairs; p++)
            if (gives(e) && e->pid != run->pid && e->fd == so_far.theirs[p])
                ours = so_far.ours[p];
        if (ours < 0)
            continue;
        add_piece(COMES, 0, e->start, 2 * NEVER, e)->fd = ours;
        run->message = run->has_message ? ours : -1;
        run->came = e->start - run->zero;
        run->size = e->bytes;
    }
    int number = 0;
    so_far.arrivals = run->n_pieces;
    for (size_t i = 0; i < run->n_pieces; i++)
        if (run->pieces[i].fd != run->message)
            run->pieces[i].number = ++number;
}

static void find_pairs(void)
{
    struct run *run = so_far.run;
    for (size_t i = 0; i < run->n; i++) {
        const struct event *e = &run->events[i];
        int p = so_far.pairs;
        if (e->what != CALL || strcmp(e->name, "socketpair") != 0 ||
            e->pid != run->pid || p == MOST_PAIRS ||
            sscanf(e->got, "%d, %d", &so_far.ours[p], &so_far.theirs[p]) != 2)
            continue;
        so_far.pairs++;
        if (run->has_message)
            run->zero = e->end; /* then the task begins */
    }
}

/* What a call that slept has waited for. It is told by the fds that the call
   names; where it names none, by what was there as it woke. */
static enum piece_kind sleeps_for(const struct event *e)
{
    const struct run *run = so_far.run;
    char *rest;
    long fd = strtol(e->asked, &rest, 10);
    if (strcmp(e->name, "nanosleep") == 0)
        return FOR_TIME;
    if (run->message < 0)
        return FOR_MESSAGE;
    if (rest > e->asked && e->name[0] != 'e') /* not "2 watched", of epoll */
        return fd == run->message && *rest != ',' ? FOR_MESSAGE : FOR_OTHERS;
    return e->start - run->zero <= run->came && run->came <= e->end - run->zero
        ? FOR_MESSAGE : FOR_OTHERS;
}

/* A call has returned with data. */
static void take(int lane, const struct event *e)
{
    struct run *run = so_far.run;
    double at = e->end - run->zero;
    struct piece *copy = add_piece(COPIES, lane, e->end, e->end, e);
    copy->fd = e->fd;
    copy->takes = takes(e);
    if (!copy->takes || !e->on_socket)
        return;
    if (e->fd == run->message) {
        run->taken = at;
        run->copying = e->ran;
    } else {
        copy->number = so_far.in_hand[lane] = ++run->requests;
        run->early += at < run->came;
    }
    for (size_t i = 0; i < so_far.arrivals; i++) {
        struct piece *p = &run->pieces[i];
        if (p->fd == e->fd && p->end > NEVER) {
            p->end = at;
            if (p->fd != run->message && at - p->start > run->patience)
                run->patience = at - p->start;
            return;
        }
    }
}

/* A thread has been in no call until now: so it has computed. */
static void computes(int lane, double until)
{
    if (until > so_far.free[lane] && until > so_far.run->zero)
        add_piece(COMPUTES, lane, so_far.free[lane], until, NULL)->number =
            so_far.in_hand[lane];
    so_far.in_hand[lane] = 0;
}

static void a_call(int lane, const struct event *e)
{
    struct run *run = so_far.run;
    int submits;
    computes(lane, e->start);
    so_far.free[lane] = e->end;
    if (e->start < run->zero)
        return;
    run->calls += strcmp(e->name, "close") != 0;
    run->in_vain += e->refused;
    if (e->slept)
        add_piece(sleeps_for(e), lane, e->start, e->end, e);
    if (e->refused)
        add_piece(REFUSES, lane, e->end, e->end, e);
    if (takes(e) || gives(e))
        take(lane, e);
    if (sscanf(e->asked, "submit %d", &submits) != 1)
        return;
    if (submits > 0)
        so_far.submitted = e->end;
    else if (run->taken < 0 && e->end - run->zero > run->came)
        run->taken = e->end - run->zero; /* it tells of the completion */
}

static int lane_of(pid_t tid)
{
    struct run *run = so_far.run;
    for (int i = 0; i < run->lanes; i++)
        if (so_far.tids[i] == tid)
            return i;
    return -1;
}

static void a_thread(const struct event *e)
{
    struct run *run = so_far.run;
    if (lane_of(e->tid) >= 0)
        return; /* it has exec'd */
    if (run->lanes == MOST_LANES) {
        run->more++;
        return;
    }
    so_far.free[run->lanes] = e->start;
    so_far.tids[run->lanes++] = e->tid;
}

static void one_event(const struct event *e)
{
    struct run *run = so_far.run;
    int lane = lane_of(e->tid);
    run->end = e->end - run->zero > run->end ? e->end - run->zero : run->end;
    if (e->what == BEGIN) {
        a_thread(e);
    } else if (e->what == SIGNAL && strcmp(e->name, "SIGCHLD") != 0) {
        run->signals++;
        if (lane >= 0)
            add_piece(SIGNALS, lane, e->end, e->end, e);
    } else if (e->what == CALL && lane >= 0) {
        a_call(lane, e);
    } else if (e->what == END && lane >= 0) {
        if (so_far.free[lane] < e->start)
            computes(lane, e->start);
    }
}

/* The message came into our buffer, and no call of ours has fetched it. */
static void came_by_ring(void)
{
    struct run *run = so_far.run;
    add_piece(IN_RING, 0, so_far.submitted, run->came + run->zero, NULL);
    if (run->taken < 0)
        run->taken = run->came;
}

void examine(struct run *run)
{
    memset(&so_far, 0, sizeof so_far);
    so_far.run = run;
    so_far.submitted = -1;
    run->message = -1;
    run->came = run->taken = run->copying = -1;
    find_pairs();
    find_arrivals();
    for (size_t i = 0; i < run->n; i++)
        if (run->events[i].pid == run->pid)
            one_event(&run->events[i]);
    if (so_far.submitted >= 0 && run->message >= 0 && run->copying < 0)
        came_by_ring();
    for (size_t i = 0; i < so_far.arrivals; i++) {
        struct piece *p = &run->pieces[i];
        if (p->end > NEVER) /* nobody has read it */
            p->end = p->fd == run->message ? run->taken : run->end;
    }
}

const char *call_name(const struct event *event)
{
    static char name[2 * TEXT];
    const char *digits = event->asked;
    while (isdigit((unsigned char)*digits))
        digits++;
    if (digits > event->asked && *digits == '\0')
        snprintf(name, sizeof name, "%s(%s)", event->name, event->asked);
    else
        snprintf(name, sizeof name, "%s", event->name);
    return name;
}

bool is_wait(const struct piece *piece)
{
    return piece->kind >= FOR_MESSAGE && piece->kind <= FOR_TIME;
}

const char *story(const struct run *run)
{
    static char text[TEXT];
    int length = 0;
    if (run->message < 0 || run->taken < 0)
        length = snprintf(text, sizeof text, "%.1f ms", run->end);
    else if (run->copying < 0)
        snprintf(text, sizeof text, "message %.1f, completed %.1f ms: %ld "
                 "bytes, no recv()", run->came, run->taken, run->size);
    else
        snprintf(text, sizeof text, "message %.1f, copied %.1f ms: %ld bytes "
                 "in %.2f ms", run->came, run->taken, run->size, run->copying);
    if (length > 0 && run->more > 0)
        length += snprintf(text + length, sizeof text - (size_t)length,
                           "; %d more threads", run->more);
    if (length > 0 && run->left_out > 0)
        snprintf(text + length, sizeof text - (size_t)length,
                 "; then %zu more events", run->left_out);
    return text;
}

size_t line_of(const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length <= most)
        return length;
    for (length = most; length > 0 && text[length] != ' '; length--)
        continue;
    return length > 0 ? length : most;
}

double tick_of(double to)
{
    double tick = 1e-3;
    for (int i = 0; to / tick > 10; i++)
        tick *= i % 3 == 1 ? 2.5 : 2; /* 1, 2, 5, 10, 20 ... */
    return tick;
}
