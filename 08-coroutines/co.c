/*
 * co: coroutines, and the scheduler, which says which of them goes on. co.h
 * says what each function does; read it first.
 *
 * Look at switch_to(), which leaves one stack and goes on with another one,
 * then at park(). A coroutine that must wait puts itself where another one
 * will find it (a queue, say) and calls park(). There next_ready() takes the
 * first coroutine that is ready, and park() switches to it. So the scheduler
 * is no coroutine and has no stack: it is these functions, and each coroutine
 * that waits calls them. If none is ready, the idle hook, which next_ready()
 * calls, sleeps until one is.
 *
 * co-swap.c saves and loads the registers, co-stack.c makes stacks. co-io.c
 * uses this file, and waits for fds.
 */
#include "co.h"
#include "co-stack.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct co {
    /* This struct lies at the top of its coroutine's stack. What a switch
       reads is in one cache line. */
    _Alignas(64) struct co_stack stack;
    struct co *older;       /* made before this one: a list of them all */
    struct co *next;        /* in a queue, or among the unused ones */
    struct co *resumer;     /* where co_yield() switches to */
    const char *waits;      /* why it may not be resumed, in words ("sleeps";
                               ended: see below); NULL: it may */
    const char *waits_for;  /* a name that ends these words, or "" */
    bool spawned, detached;
    void *(*run)(void *);
    void *value;            /* argument of run(), then its result */
    struct co *joiner;      /* the coroutine that joins it, and frees it */
    int64_t wake_at;        /* the time, in ns, when its sleep is over */
    struct co *left, *right; /* its children in the heap of sleepers */
    struct co **place;      /* what points to it there */
    struct co_queue *queue; /* where it waits in co_wait_until(), or NULL */
    char name[CO_NAME_SIZE];
};

static const char ended[] = "has ended"; /* `waits` of one that has ended */

static bool sleep_by_clock(int timeout);

static struct co main_co = { .resumer = &main_co, .name = "main" };
static struct co *current = &main_co; /* the one that runs */
static struct co *newest = &main_co;  /* then follow `older` to see them all */
static struct co *unused;          /* freed; their stacks can be used again */
static struct co_queue this_round; /* ready: these go on now, */
static struct co_queue next_round; /* and these after them */
static struct co *sleepers;        /* a heap: the first to wake is on top */
static bool (*idle_hook)(int timeout) = sleep_by_clock;

/* Leave the running coroutine and go on with TO, whose own switch_to() returns
   VALUE. Returns when another coroutine switches back, with the value that it
   passes. */
static inline void *switch_to(struct co *to, void *value)
{
    struct co *from = current;
    current = to;
    return co_stack_switch(&from->stack, &to->stack, value,
                           from->waits == ended);
}

/* ---------------------------------------------------------------- mistakes */

/* Print "co: main called co_join(A), but A has ended", and abort. */
static _Noreturn void abort_misuse(const char *call, const struct co *co,
                                   const char *but, const char *object)
{
    fflush(stdout);
    fprintf(stderr, "co: %s called %s(%s), but %s %s%s\n", current->name, call,
            co->name, co->name, but, object);
    abort();
}

static _Noreturn void abort_deadlock(void)
{
    fflush(stdout);
    fprintf(stderr, "co: deadlock: no coroutine can go on:\n");
    for (struct co *co = newest; co != NULL; co = co->older)
        if (co->waits != NULL && co->waits != ended)
            fprintf(stderr, "co:     %s %s%s\n", co->name, co->waits,
                    co->waits_for);
    abort();
}

/* A signal handler may not call printf(). */
static void print_error(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(1);
}

/* co-stack.c calls this in its SIGSEGV handler. */
static void report_overflow(const char *address)
{
    uintptr_t at = (uintptr_t)address, low = (uintptr_t)current->stack.low;
    if (at >= low || low - at > CO_GUARD_SIZE)
        return; /* not in the guard: another mistake */
    print_error("co: ");
    print_error(current->name);
    print_error(" needs more stack than CO_STACK_SIZE: does it call itself "
                "too often, or is a variable too large?\n");
}

/* --------------------------------------------------------------- scheduler */

static void enqueue(struct co_queue *queue, struct co *co)
{
    co->next = NULL;
    if (queue->first == NULL)
        queue->first = co;
    else
        queue->last->next = co;
    queue->last = co;
}

static struct co *dequeue(struct co_queue *queue)
{
    struct co *co = queue->first;
    if (co != NULL)
        queue->first = co->next;
    return co;
}

/* Take CO out of QUEUE, wherever it stands there. */
static void leave_queue(struct co_queue *queue, struct co *co)
{
    struct co *before = NULL, **link = &queue->first;
    for (; *link != co; link = &before->next)
        before = *link;
    *link = co->next;
    if (queue->last == co)
        queue->last = before;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* PLACE, in the heap, points to CO now. */
static void put(struct co **place, struct co *co)
{
    *place = co;
    if (co != NULL)
        co->place = place;
}

/* Make one heap of two, at PLACE. A heap is a binary tree in which no
   coroutine wakes before its parent, so the first one to wake is at the top.
   Of the two tops, the one that wakes first becomes the top of both. Its right
   subtree is merged with the other heap and becomes its left subtree; its left
   subtree becomes its right one. This change of sides keeps the branches
   short: log n steps on average (a "skew heap"). */
static void merge_heaps(struct co **place, struct co *a, struct co *b)
{
    while (a != NULL && b != NULL) {
        struct co *first = a->wake_at <= b->wake_at ? a : b;
        struct co *other = first == a ? b : a;
        put(place, first);
        place = &first->left; /* the rest of the merged heap goes here */
        a = first->right; /* still to be merged: these */
        b = other;        /*     and the other heap */
        put(&first->right, first->left);
    }
    put(place, a != NULL ? a : b);
}

static void enter_heap(struct co *co, int64_t wake_at)
{
    co->wake_at = wake_at;
    co->left = co->right = NULL;
    merge_heaps(&sleepers, sleepers, co);
}

static void leave_heap(struct co *co)
{
    merge_heaps(co->place, co->left, co->right);
}

/* Make those coroutines ready that have slept long enough. Returns the
   milliseconds until the next one wakes; -1: none sleeps any more. */
static int wake_sleepers(void)
{
    int64_t now = sleepers != NULL ? now_ns() : 0;
    while (sleepers != NULL && sleepers->wake_at <= now) {
        struct co *co = sleepers;
        leave_heap(co);
        if (co->queue != NULL)
            leave_queue(co->queue, co);
        enqueue(&next_round, co);
    }
    if (sleepers == NULL)
        return -1;
    /* Rounded up. Else the last part of a millisecond would be a sleep of 0,
       and the scheduler would ask again and again until it is over. */
    int64_t ms = (sleepers->wake_at - now + 999999) / 1000000;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* The idle hook of a program that waits for no event from outside; what it
   returns: see co_set_idle_hook(). */
static bool sleep_by_clock(int timeout)
{
    struct timespec t = { timeout / 1000, timeout % 1000 * 1000000L };
    if (timeout > 0)
        nanosleep(&t, NULL); /* EINTR is no harm: the scheduler asks again */
    return timeout >= 0;
}

void co_set_idle_hook(bool (*hook)(int timeout))
{
    idle_hook = hook;
}

/* Take the next coroutine to go on. If none is ready, wait for one. The
   scheduler looks for events once a round, when each coroutine that was ready
   has had a turn. So a coroutine that always has work does not keep the others
   waiting. */
static struct co *next_ready(void)
{
    while (this_round.first == NULL) {
        int timeout = wake_sleepers();
        if (next_round.first != NULL)
            timeout = 0; /* only look for events: some coroutine is ready */
        if (!idle_hook(timeout))
            abort_deadlock();
        this_round = next_round;
        next_round.first = NULL;
    }
    return dequeue(&this_round);
}

/* Let the others run, until one of them makes this coroutine ready. WAITS and
   WAITS_FOR say in words what it waits for. */
static void park(const char *waits, const char *waits_for)
{
    struct co *me = current;
    me->waits = waits;
    me->waits_for = waits_for;
    struct co *to = next_ready();
    if (to != me)
        switch_to(to, to->value); /* the argument of run(), if TO is new */
    me->waits = NULL;
}

/* ----------------------------------------------------------------- by hand */

static _Noreturn void abort_switch(const char *call, const struct co *co)
{
    if (co == current)
        abort_misuse(call, co, "is running", "");
    abort_misuse(call, co, co->waits, co_ended(co) ? "" : co->waits_for);
}

/* switch_to(), unless CO runs or waits: then CALL was a mistake. */
static inline void *checked_switch(struct co *co, void *value,
                                   const char *call)
{
    if (co->waits != NULL || co == current)
        abort_switch(call, co);
    return switch_to(co, value);
}

void *co_switch(struct co *co, void *value)
{
    return checked_switch(co, value, "co_switch");
}

void *co_resume(struct co *co, void *value)
{
    co->resumer = current;
    return checked_switch(co, value, "co_resume");
}

void *co_yield(void *value)
{
    return checked_switch(current->resumer, value, "co_yield");
}

/* Free CO: a new coroutine may use its stack, with this struct on top. CO may
   be the running coroutine, which has just ended: it uses only the stack's top
   page now, and co_stack_clear() keeps that page. */
static void recycle(struct co *co)
{
    co->waits = ended;   /* to resume it is a mistake */
    co->spawned = false; /* co_join_all() skips it */
    co_stack_clear(&co->stack);
    co->next = unused;
    unused = co;
}

/* Each coroutine starts here, on its own stack. enter() never returns. */
static _Noreturn void enter(void *value)
{
    struct co *me = current;
    co_stack_begin(&main_co.stack);
    me->waits = NULL;
    me->value = me->run(value);
    me->waits = ended;
    if (!me->spawned)
        checked_switch(me->resumer, me->value, "return"); /* for the last
                                                             time */
    if (me->joiner != NULL)
        enqueue(&next_round, me->joiner);
    if (me->detached)
        recycle(me);
    struct co *to = next_ready();
    switch_to(to, to->value);
    abort(); /* no coroutine switches to one that has ended */
}

/* A coroutine with a stack, an unused or a new one. NULL: see co_new(). */
static struct co *allocate(void)
{
    struct co *co = unused;
    if (co != NULL) {
        unused = co->next;
        return co;
    }
    if (newest == &main_co) /* this is the first one */
        co_stack_on_fault(report_overflow);
    char *low = co_stack_new(CO_STACK_SIZE, CO_GUARD_SIZE);
    if (low == NULL)
        return NULL;
    co = (struct co *)(low + CO_STACK_SIZE) - 1;
    co->stack = (struct co_stack){ .low = low, .size = CO_STACK_SIZE };
    co->older = newest;
    return newest = co;
}

struct co *co_new(const char *name, void *(*run)(void *value))
{
    struct co *co = allocate();
    if (co == NULL)
        return NULL;
    *co = (struct co){ .stack = co->stack, .older = co->older,
                       .resumer = &main_co, .run = run };
    snprintf(co->name, sizeof co->name, "%s", name);
    size_t size = (size_t)((char *)co - co->stack.low); /* below the struct */
    co->stack.sp = co_frame(co->stack.low, size, enter);
    return co;
}

bool co_ended(const struct co *co)
{
    return co->waits == ended;
}

void co_free(struct co *co)
{
    if (co->spawned)
        abort_misuse("co_free", co, "was made by co_spawn()", "");
    if (co == current)
        abort_misuse("co_free", co, "is running", "");
    if (co->waits && !co_ended(co))
        abort_misuse("co_free", co, co->waits, co->waits_for);
    recycle(co);
}

struct co *co_self(void)
{
    return current;
}

const char *co_name(const struct co *co)
{
    return co->name;
}

/* ------------------------------------------------------------ by scheduler */

struct co *co_spawn(const char *name, void *(*run)(void *arg), void *arg)
{
    struct co *co = co_new(name, run);
    if (co == NULL)
        return NULL;
    co->spawned = true;
    co->value = arg;
    co->waits = "waits for its first turn";
    co->waits_for = "";
    enqueue(&next_round, co);
    return co;
}

/* Was CO spawned, and has no coroutine joined or detached it yet? */
static bool is_joinable(const struct co *co)
{
    return co->spawned && !co->detached && co->joiner == NULL;
}

static void require_joinable(const struct co *co, const char *call)
{
    if (!is_joinable(co))
        abort_misuse(call, co, co->detached ? "is detached" :
                     co->joiner != NULL ? "was joined before" :
                     "was not made by co_spawn()", "");
}

void *co_join(struct co *co)
{
    require_joinable(co, "co_join");
    if (co == current)
        abort_misuse("co_join", co, "is running", "");
    co->joiner = current;
    if (!co_ended(co))
        park("waits for the end of ", co->name);
    recycle(co);
    return co->value; /* freed, but no new coroutine has used it yet */
}

void co_join_all(void)
{
    bool again = true;
    while (again) { /* others may have been spawned meanwhile */
        again = false;
        for (struct co *co = newest; co != NULL; co = co->older)
            if (is_joinable(co) && co != current) {
                co_join(co);
                again = true;
            }
    }
}

void co_detach(struct co *co)
{
    require_joinable(co, "co_detach");
    co->detached = true;
    if (co_ended(co))
        recycle(co);
}

void co_pause(void)
{
    enqueue(&next_round, current);
    park("waits for its turn", "");
}

/* SECONDS in ns. */
static int64_t ns_of(double seconds)
{
    const double most = 1e9; /* 30 years */
    seconds = seconds > most ? most : seconds > 0 ? seconds : 0;
    return (int64_t)(1e9 * seconds);
}

void co_sleep(double seconds)
{
    enter_heap(current, now_ns() + ns_of(seconds));
    park("sleeps", "");
}

void co_wait(struct co_queue *queue)
{
    enqueue(queue, current);
    park("waits in a queue", "");
}

bool co_wait_until(struct co_queue *queue, double time)
{
    current->queue = queue;
    enter_heap(current, ns_of(time));
    co_wait(queue);
    bool woken = current->queue == NULL;
    current->queue = NULL;
    return woken;
}

bool co_wake(struct co_queue *queue)
{
    struct co *co = dequeue(queue);
    if (co == NULL)
        return false;
    if (co->queue != NULL)
        leave_heap(co);
    co->queue = NULL;
    enqueue(&next_round, co);
    return true;
}
