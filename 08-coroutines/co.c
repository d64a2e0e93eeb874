/*
 * co: coroutines, and who of them goes on; co.h says what each function does.
 *
 * Look at hop(), which leaves one stack and goes on upon another, then at
 * park(): whoever has to wait is put where somebody will find him, takes the
 * first of those that can go on, and hops to it. There is no scheduler
 * besides: each one that waits does its work. If nobody can go on, the process
 * sleeps, in epoll_wait().
 *
 * The registers are changed by co-swap.c, stacks come from co-stack.c, and
 * what waits for an fd is in co-io.c.
 */
#include "co.h"
#include "co-io.h"
#include "co-stack.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct co {
    /* this struct is on its top; what a switch reads is in one cache line */
    _Alignas(64) struct co_stack stack;
    struct co *older;          /* made before: so we find all that there are */
    struct co *next;           /* in a queue, or of the spare ones */
    struct co *back;           /* who gets what it yields */
    const char *waits, *whom;  /* in words; NULL: one may switch to it */
    bool spawned, detached;
    void *(*run)(void *);
    void *value;               /* its argument, then its result */
    struct co *joiner;         /* who waits for its end, and frees it */
    int64_t wake_at;           /* ns, while it sleeps, */
    struct co *left, *right;   /*     and those below it in the heap */
    char name[CO_NAME_SIZE];
};

static const char ended[] = "has ended";

static struct co main_co = { .back = &main_co, .name = "main" };
static struct co *current = &main_co;
static struct co *newest = &main_co;
static struct co *spare;      /* those whose stacks can be used again */
static struct co_queue this_round; /* who goes on now, */
static struct co_queue next_round; /* and who after them */
static struct co *sleepers;   /* a heap; on top, who is the first to wake */

/* Go on as TO, which gets VALUE. Returns what is passed to us later. */
static inline void *hop(struct co *to, void *value)
{
    struct co *from = current;
    current = to;
    return co_stack_go(&from->stack, &to->stack, value, from->waits == ended);
}

/* ------------------------------------------------------------- who goes on */

static void push(struct co_queue *queue, struct co *co)
{
    co->next = NULL;
    *(queue->first ? &queue->last->next : &queue->first) = co;
    queue->last = co;
}

static struct co *pop(struct co_queue *queue)
{
    struct co *co = queue->first;
    if (co != NULL)
        queue->first = co->next;
    return co;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Make one heap of two (in a heap, nobody wakes before the one above). Who of
   the two tops wakes first is the top; the other heap is merged with what was
   on its right, and the result goes to the left. To change sides is what keeps
   the branches short: log n steps on average (it is called a skew heap). */
static struct co *merge(struct co *a, struct co *b)
{
    struct co *top, **place = &top;
    while (a != NULL && b != NULL) {
        struct co *first = a->wake_at <= b->wake_at ? a : b;
        b = first == a ? b : a;
        a = first->right;
        first->right = first->left;
        *place = first;
        place = &first->left;
    }
    *place = a != NULL ? a : b;
    return top;
}

/* Those who have slept long enough are ready. Returns how long the first of
   the others still sleeps, in ms; -1: there is none. */
static int wake_sleepers(void)
{
    int64_t now = sleepers != NULL ? now_ns() : 0;
    while (sleepers != NULL && sleepers->wake_at <= now) {
        push(&next_round, sleepers);
        sleepers = merge(sleepers->left, sleepers->right);
    }
    if (sleepers == NULL)
        return -1;
    /* rounded up, or the last millisecond would be a spin */
    int64_t ms = (sleepers->wake_at - now + 999999) / 1000000;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* All wait, and nothing can come that one of them waits for. */
static _Noreturn void deadlock(void)
{
    fflush(stdout);
    fprintf(stderr, "co: deadlock, nobody can go on:\n");
    for (struct co *co = newest; co != NULL; co = co->older)
        if (co->waits != NULL && co->waits != ended)
            fprintf(stderr, "co:     %s %s%s\n", co->name, co->waits,
                    co->whom);
    abort();
}

/* We look around once a round, that is, after all who were ready then have
   had a turn: so whoever is busy keeps nobody waiting. */
static struct co *next_one(void)
{
    while (this_round.first == NULL) {
        int ms = wake_sleepers();
        if (next_round.first != NULL)
            ms = 0;
        if (!co_io_wait(ms))
            deadlock();
        this_round = next_round;
        next_round.first = NULL;
    }
    return pop(&this_round);
}

/* Wait, for what we have told somebody, and here in words. */
static void park(const char *waits, const char *whom)
{
    struct co *me = current;
    me->waits = waits;
    me->whom = whom;
    struct co *to = next_one();
    if (to != me)
        hop(to, to->value);
    me->waits = NULL;
}

/* ----------------------------------------------------------------- by hand */

static _Noreturn void misused(const struct co *co)
{
    fflush(stdout);
    fprintf(stderr, "co: %s: not to be done to %s, which %s\n", current->name,
            co->name, co == current ? "runs" : co->waits ? co->waits :
            co->spawned ? "was spawned" : "was not spawned");
    abort();
}

void *co_switch(struct co *co, void *value)
{
    if (co->waits != NULL || co == current)
        misused(co);
    return hop(co, value);
}

void *co_resume(struct co *co, void *value)
{
    co->back = current;
    return co_switch(co, value);
}

void *co_yield(void *value)
{
    return co_switch(current->back, value);
}

/* Its stack, with this struct on top, can be used again. One that has just
   ended does it for himself, standing on the page that stays. */
static void give_back(struct co *co)
{
    co->waits = ended;
    co->spawned = false;
    co_stack_clear(co->stack.low);
    co->next = spare;
    spare = co;
}

/* Where each coroutine starts, upon its own stack, and never returns. */
static _Noreturn void enter(void *value)
{
    struct co *me = current;
    co_stack_begin(&main_co.stack);
    me->waits = NULL;
    me->value = me->run(value);
    me->waits = ended;
    if (!me->spawned)
        co_switch(me->back, me->value);
    if (me->joiner != NULL)
        push(&next_round, me->joiner);
    if (me->detached)
        give_back(me);
    struct co *to = next_one();
    hop(to, to->value);
    abort(); /* nobody lets it go on */
}

/* A coroutine whose stack was used before, or has just been made; or NULL. */
static struct co *take(void)
{
    struct co *co = spare;
    if (co != NULL) {
        spare = co->next;
        return co;
    }
    char *low = co_stack_new();
    if (low == NULL)
        return NULL;
    co = (struct co *)(low + CO_STACK_SIZE) - 1;
    co->stack = (struct co_stack){ .low = low, .size = CO_STACK_SIZE };
    co->older = newest;
    return newest = co;
}

struct co *co_new(const char *name, void *(*run)(void *value))
{
    struct co *co = take();
    if (co == NULL)
        return NULL;
    *co = (struct co){ .stack = co->stack, .older = co->older,
                       .back = &main_co, .run = run };
    snprintf(co->name, sizeof co->name, "%s", name);
    co->stack.sp = co_frame(co->stack.low, (size_t)((char *)co -
                            co->stack.low), enter);
    return co;
}

bool co_ended(const struct co *co)
{
    return co->waits == ended;
}

void co_free(struct co *co)
{
    if (co->spawned || co == current || (co->waits && !co_ended(co)))
        misused(co);
    give_back(co);
}

struct co *co_self(void)
{
    return current;
}

const char *co_name(const struct co *co)
{
    return co->name;
}

/* --------------------------------------------------------------- by itself */

struct co *co_spawn(const char *name, void *(*run)(void *arg), void *arg)
{
    struct co *co = co_new(name, run);
    if (co == NULL)
        return NULL;
    co->spawned = true;
    co->value = arg;
    co->waits = "waits for its first turn";
    push(&next_round, co);
    return co;
}

/* Has nobody joined or detached it yet? Who does, has it freed, once. */
static bool is_unclaimed(const struct co *co)
{
    return co->spawned && !co->detached && co->joiner == NULL;
}

void *co_join(struct co *co)
{
    if (!is_unclaimed(co) || co == current)
        misused(co);
    co->joiner = current;
    if (!co_ended(co))
        park("waits for the end of ", co->name);
    give_back(co);
    return co->value; /* nobody has taken its place yet */
}

void co_join_all(void)
{
    bool again = true;
    while (again) { /* meanwhile, others may have come */
        again = false;
        for (struct co *co = newest; co != NULL; co = co->older)
            if (is_unclaimed(co) && co != current) {
                co_join(co);
                again = true;
            }
    }
}

void co_detach(struct co *co)
{
    if (!is_unclaimed(co))
        misused(co);
    co->detached = true;
    if (co_ended(co))
        give_back(co);
}

void co_pause(void)
{
    push(&next_round, current);
    park("waits for its turn", "");
}

void co_sleep(double seconds)
{
    double most = 1e9; /* 30 years; below 0: no time at all */
    seconds = seconds > most ? most : seconds > 0 ? seconds : 0;
    current->wake_at = now_ns() + (int64_t)(1e9 * seconds);
    current->left = current->right = NULL;
    sleepers = merge(sleepers, current);
    park("sleeps", "");
}

void co_wait(struct co_queue *queue)
{
    push(queue, current);
    park("waits to be woken", "");
}

bool co_wake(struct co_queue *queue)
{
    struct co *co = pop(queue);
    if (co != NULL)
        push(&next_round, co);
    return co != NULL;
}
