/*
 * co: coroutines; co.h says what each function does.
 *
 * Look at co_swap in co-swap.c, which leaves one stack and goes on upon
 * another, then at park(): whoever has to wait looks for one that can go on,
 * and switches to it. There is no scheduler besides, each waiting one does its
 * work; and only if nobody can go on, the process sleeps, in epoll_wait().
 * See: the System V ABI for x86-64, 3.2; AAPCS64, 6.1; epoll(7).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_STACK and MAP_ANONYMOUS */
#endif
#include "co.h"
#include "co-swap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if !defined __linux__ && !defined CO_POLL
#define CO_POLL
#endif
#ifndef CO_POLL
#include <sys/epoll.h>
#endif
#ifdef CO_UCONTEXT
#include <ucontext.h>
#endif

#ifndef MAP_STACK
#define MAP_STACK 0 /* macOS */
#endif

/* Tools that watch memory have to know of our stacks. */
#ifndef __has_include
#define __has_include(file) 0
#endif
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
#define CO_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#else
#define CO_ASAN 0
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

enum {
    SPARE_STACKS = 64, /* kept for those to come; each holds a page or two */
    BATCH = 256,       /* events fetched by one epoll_wait() */
};

struct co {
#ifdef CO_UCONTEXT
    ucontext_t context;
#else
    void *sp; /* where its registers lie, while another one runs */
#endif
    struct co *back;   /* who gets what it yields */
    const char *waits; /* NULL: one may switch to it */
    int fd;            /* that it waits for; -1: it was closed meanwhile */
    struct co *other;  /* for whose end it waits */
    bool spawned, detached;
    void *(*run)(void *);
    void *value;               /* its argument, then its result */
    int64_t wake_at;           /* ns, while it sleeps */
    struct co *next;           /* in a queue, or of the spare ones */
    struct co_queue joiner;    /* who waits for its end */
    struct co *older, *newer;  /* of all there are */
    char *stack;               /* its lowest byte; this struct is on its top */
    size_t stack_size;         /* bytes */
    unsigned valgrind;         /* its number there */
    char name[CO_NAME_SIZE];
};

static const char ended[] = "has ended";
static const char for_fd[] = "waits for fd";
static const char for_end[] = "waits for the end of";

static struct co main_co = { .back = &main_co, .name = "main" };
static struct co *current = &main_co;
static struct co *newest = &main_co;
static struct co *spare; /* stacks to use again */
static int spares;
static struct co *dead; /* it has ended, and its stack is to be given back */
static struct co_queue ready; /* those that can go on, */
static int readies;           /*     so many */
static int coroutines = 1;    /* there are, main included */

/* -------------------------------------------------------------- the switch */

#ifdef CO_UCONTEXT
static void *passed; /* from one side of swapcontext() to the other */
#endif

/* Go on as TO, which gets VALUE. Returns what is passed to us later. */
static inline void *hop(struct co *to, void *value)
{
    struct co *from = current;
    current = to;
#if CO_ASAN
    void *fake_stack = NULL;
    __sanitizer_start_switch_fiber(from->waits == ended ? NULL : &fake_stack,
                                   to->stack, to->stack_size);
#endif
#ifdef CO_UCONTEXT
    passed = value; /* swapcontext() takes nothing along */
    swapcontext(&from->context, &to->context);
    value = passed;
#else
    value = co_swap(&from->sp, to->sp, value);
#endif
#if CO_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
    return value;
}

/* ------------------------------------------------------------- who goes on */

static _Noreturn void misused(const struct co *co)
{
    fflush(stdout);
    fprintf(stderr, "co: %s: not to be done to %s, which %s\n", current->name,
            co->name, co == current ? "runs" : co->waits ? co->waits :
            co->spawned ? "was spawned" : "was not spawned");
    abort();
}

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

static void can_go_on(struct co *co)
{
    push(&ready, co);
    readies++;
}

bool co_wake(struct co_queue *queue)
{
    struct co *co = pop(queue);
    if (co != NULL)
        can_go_on(co);
    return co != NULL;
}

/* A heap: no one sleeps longer than the two at 2i + 1 and 2i + 2, so the
   first to wake is at 0. */
static struct co **sleepers;
static int sleeping, beds; /* in use; there are: one for each coroutine */

static bool make_bed(void)
{
    if (coroutines < beds)
        return true;
    size_t more = 2 * (size_t)coroutines;
    struct co **larger = realloc(sleepers, more * sizeof *larger);
    if (larger == NULL)
        return false;
    sleepers = larger;
    beds = (int)more;
    return true;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void add_sleeper(struct co *co)
{
    int i = sleeping++;
    for (; i > 0 && sleepers[(i - 1) / 2]->wake_at > co->wake_at;
         i = (i - 1) / 2)
        sleepers[i] = sleepers[(i - 1) / 2]; /* move down who wakes later */
    sleepers[i] = co;
}

static struct co *first_sleeper_out(void)
{
    struct co *first = sleepers[0], *last = sleepers[--sleeping];
    int i = 0;
    for (int child; (child = 2 * i + 1) < sleeping; i = child) {
        if (child + 1 < sleeping &&
            sleepers[child + 1]->wake_at < sleepers[child]->wake_at)
            child++;
        if (sleepers[child]->wake_at >= last->wake_at)
            break;
        sleepers[i] = sleepers[child]; /* move up who wakes earlier */
    }
    sleepers[i] = last;
    return first;
}

static struct watched {
    struct co_queue readers, writers;
    unsigned armed;    /* what epoll has been told: POLLIN, POLLOUT */
    bool non_blocking; /* we have made it so */
} fds[CO_MAX_FDS];
static int watching; /* coroutines in all these queues */

static unsigned wanted(int fd)
{
    return (fds[fd].readers.first ? POLLIN : 0) |
           (fds[fd].writers.first ? POLLOUT : 0);
}

static void wake_for(int fd, unsigned events)
{
    if (events & ~(unsigned)POLLOUT) /* also for errors and the end */
        watching -= co_wake(&fds[fd].readers);
    if (events & ~(unsigned)POLLIN)
        watching -= co_wake(&fds[fd].writers);
}

#ifdef CO_POLL
static int highest; /* fd that was ever waited for */

static bool arm(int fd, unsigned events)
{
    highest = events && fd > highest ? fd : highest;
    return true; /* poll() is told each time */
}

static void wait_for_fds(int ms)
{
    static struct pollfd asked[CO_MAX_FDS]; /* untouched, it costs nothing */
    nfds_t n = 0;
    for (int fd = 0; fd <= highest; fd++)
        if (wanted(fd))
            asked[n++] = (struct pollfd){ fd, (short)wanted(fd), 0 };
    if (poll(asked, n, ms) > 0)
        for (nfds_t i = 0; i < n; i++)
            if (asked[i].revents)
                wake_for(asked[i].fd, (unsigned)asked[i].revents);
}
#else
static int epoll_fd = -1;

/* Tell epoll what the fd waits for, if that has changed. (EPOLLIN is POLLIN,
   EPOLLOUT is POLLOUT.) */
static bool arm(int fd, unsigned events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    int change = events == 0 ? EPOLL_CTL_DEL
               : fds[fd].armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (events == fds[fd].armed)
        return true;
    if (epoll_fd < 0 && (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return false;
    if (epoll_ctl(epoll_fd, change, fd, &event) < 0)
        return false;
    fds[fd].armed = events;
    return true;
}

/* What is not waited for any more stays armed, as it mostly is again soon:
   so a message costs no epoll_ctl(). Only if it is told of, we take it off. */
static void wait_for_fds(int ms)
{
    struct epoll_event told[BATCH];
    int n = epoll_wait(epoll_fd, told, BATCH, ms);
    for (int i = 0; i < n; i++) {
        int fd = told[i].data.fd;
        if (wanted(fd) == 0 || (told[i].events & (POLLIN | POLLOUT) &
                                ~wanted(fd)))
            arm(fd, wanted(fd));
        wake_for(fd, told[i].events);
    }
}
#endif

/* All wait, and nothing can come that one of them waits for. */
static _Noreturn void deadlock(void)
{
    fflush(stdout);
    fprintf(stderr, "co: deadlock, nobody can go on:\n");
    for (struct co *co = newest; co != NULL; co = co->older)
        if (co->waits && !co_ended(co))
            fprintf(stderr, "co:     %s %s%s%s\n", co->name, co->waits,
                    co->waits == for_end ? " " : "",
                    co->waits == for_end ? co->other->name : "");
    abort();
}

/* Put into the queue those who have waited long enough. If it is empty, sleep
   until there is somebody. */
static void look_around(void)
{
    int64_t ms = -1; /* for ever */
    if (sleeping > 0) {
        int64_t now = now_ns();
        while (sleeping > 0 && sleepers[0]->wake_at <= now)
            can_go_on(first_sleeper_out());
        if (sleeping > 0) /* round up, or the last millisecond is a spin */
            ms = (sleepers[0]->wake_at - now + 999999) / 1000000;
    }
    if (ready.first != NULL)
        ms = 0;
    if (watching > 0)
        wait_for_fds(ms > INT_MAX ? INT_MAX : (int)ms);
    else if (ms > 0)
        poll(NULL, 0, ms > INT_MAX ? INT_MAX : (int)ms);
    else if (ms < 0)
        deadlock();
}

/* Who goes on. We look around once a round, that is, after all those have had
   a turn who were ready then: so whoever is busy keeps nobody waiting. */
static struct co *next_one(void)
{
    static int round; /* turns left in it */
    while (round == 0) {
        look_around();
        round = readies;
    }
    round--;
    readies--;
    return pop(&ready);
}

/* ------------------------------------------------------------------ stacks */

/* What a signal handler may do, unlike printf(). */
static void tell(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(1);
}

/* SIGSEGV, upon a stack of its own: did the coroutine touch its guard? */
static void overflowed(int signal_number, siginfo_t *info, void *context)
{
    char *at = info->si_addr, *stack = current->stack;
    (void)context;
    if (current != &main_co && at < stack && stack - at <= CO_GUARD_SIZE) {
        tell("co: ");
        tell(current->name);
        tell(" needs more stack than CO_STACK_SIZE: too deep a recursion, "
             "too large a variable?\n");
    }
    signal(signal_number, SIG_DFL); /* it happens again, and ends us */
}

/* Before the first coroutine is made. A program (or sanitizer) that handles
   SIGSEGV itself, goes on to do so. */
static void watch_for_overflow(void)
{
    static char handler_stack[16 * 1024];
    static bool done;
    struct sigaction old;
    if (done)
        return;
    done = true;
    stack_t stack = { .ss_sp = handler_stack,
                      .ss_size = sizeof handler_stack };
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    action.sa_sigaction = overflowed;
    if (sigaction(SIGSEGV, NULL, &old) < 0 || old.sa_handler != SIG_DFL ||
        sigaltstack(&stack, NULL) < 0)
        return;
    sigaction(SIGSEGV, &action, NULL);
#ifdef __APPLE__
    sigaction(SIGBUS, &action, NULL);
#endif
}

/* A stack with its struct co on top, used before or new; or NULL. */
static struct co *take_stack(void)
{
    struct co *co = spare;
    if (co != NULL) {
        spare = co->next;
        spares--;
        return co;
    }
    char *low = mmap(NULL, CO_GUARD_SIZE + CO_STACK_SIZE,
                     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
                     MAP_STACK | MAP_NORESERVE, -1, 0);
    if (low == MAP_FAILED)
        return NULL;
    if (mprotect(low, CO_GUARD_SIZE, PROT_NONE) < 0) {
        munmap(low, CO_GUARD_SIZE + CO_STACK_SIZE);
        errno = ENOMEM;
        return NULL;
    }
    char *top = low + CO_GUARD_SIZE + CO_STACK_SIZE;
    co = (struct co *)((uintptr_t)(top - sizeof *co) & ~(uintptr_t)63);
    co->stack = low + CO_GUARD_SIZE;
    co->stack_size = CO_STACK_SIZE;
    co->valgrind = VALGRIND_STACK_REGISTER(co->stack, co);
#if CO_ASAN
    __lsan_register_root_region(co->stack, CO_STACK_SIZE);
#endif
    return co;
}

/* Give it back. A few are kept, but not the memory that was used once. */
static void give_back(struct co *co)
{
    char *low = co->stack;
#if CO_ASAN
    __asan_unpoison_memory_region(low, CO_STACK_SIZE);
#endif
    *(co->newer ? &co->newer->older : &newest) = co->older;
    co->older->newer = co->newer; /* main is the oldest, and stays */
    coroutines--;
    if (spares < SPARE_STACKS) {
        /* but for the page on top, which the next one needs at once */
        madvise(low, CO_STACK_SIZE - (size_t)sysconf(_SC_PAGESIZE),
                MADV_DONTNEED);
        co->next = spare;
        spare = co;
        spares++;
        return;
    }
    VALGRIND_STACK_DEREGISTER(co->valgrind);
#if CO_ASAN
    __lsan_unregister_root_region(low, CO_STACK_SIZE);
#endif
    munmap(low - CO_GUARD_SIZE, CO_GUARD_SIZE + CO_STACK_SIZE);
}

/* The last one that ended had its stack still under its feet. */
static void bury(void)
{
    if (dead != NULL)
        give_back(dead);
    dead = NULL;
}

/* ----------------------------------------------------------------- by hand */

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

/* Where each coroutine starts, upon its own stack, and never returns. */
static _Noreturn void enter(void *value)
{
    struct co *me = current;
#if CO_ASAN
    const void *stack;
    size_t size;
    __sanitizer_finish_switch_fiber(NULL, &stack, &size);
    if (main_co.stack == NULL) { /* the first one: we come from main */
        main_co.stack = (char *)(uintptr_t)stack;
        main_co.stack_size = size;
    }
#endif
    bury();
    me->waits = NULL;
    me->value = me->run(value);
    me->waits = ended;
    if (!me->spawned)
        co_switch(me->back, me->value);
    co_wake(&me->joiner);
    dead = me->detached ? me : NULL;
    struct co *to = next_one();
    hop(to, to->value);
    abort(); /* nobody lets it go on */
}

#ifdef CO_UCONTEXT
static void enter_context(void) /* makecontext() passes only ints */
{
    enter(passed);
}
#endif

/* Prepare its stack as if it had called co_swap, to go on at co_start. */
static void prepare(struct co *co)
{
#ifdef CO_UCONTEXT
    getcontext(&co->context); /* for its mask of signals */
    co->context.uc_stack.ss_sp = co->stack;
    co->context.uc_stack.ss_size = (size_t)((char *)co - co->stack);
    makecontext(&co->context, enter_context, 0);
#else
    co->sp = co_frame(co, enter);
#endif
}

struct co *co_new(const char *name, void *(*run)(void *value))
{
    watch_for_overflow();
    if (!make_bed())
        return NULL;
    struct co *co = take_stack();
    if (co == NULL)
        return NULL;
    coroutines++;
    *co = (struct co){ .back = &main_co, .run = run, .older = newest,
                       .stack = co->stack, .stack_size = co->stack_size,
                       .valgrind = co->valgrind };
    snprintf(co->name, sizeof co->name, "%s", name);
    newest->newer = co;
    newest = co;
    prepare(co);
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
    can_go_on(co);
    return co;
}

/* Wait, for what we have told somebody; WAITS is for the reader of a
   message. Who can go on does. */
static void park(const char *waits)
{
    struct co *me = current;
    me->waits = waits;
    struct co *to = next_one();
    if (to != me) {
        hop(to, to->value);
        bury();
    }
    me->waits = NULL;
}

void *co_join(struct co *co)
{
    if (!co->spawned || co->detached || co->joiner.first || co == current)
        misused(co);
    if (!co_ended(co)) {
        push(&co->joiner, current);
        current->other = co;
        park(for_end);
    }
    void *value = co->value;
    give_back(co);
    return value;
}

void co_join_all(void)
{
    struct co *co = newest;
    while (co != &main_co)
        if (co->spawned && !co->detached && !co->joiner.first &&
            co != current) {
            co_join(co);
            co = newest; /* meanwhile, others may have come and gone */
        } else {
            co = co->older;
        }
}

void co_detach(struct co *co)
{
    if (!co->spawned || co->detached || co->joiner.first)
        misused(co);
    co->detached = true;
    if (co_ended(co))
        give_back(co);
}

void co_pause(void)
{
    can_go_on(current);
    park("waits for its turn");
}

void co_wait(struct co_queue *queue)
{
    push(queue, current);
    park("waits to be woken");
}

void co_sleep(double seconds)
{
    double most = 1e9; /* seconds: 30 years */
    current->wake_at = now_ns() + (int64_t)(
        1e9 * (seconds > most ? most : seconds > 0 ? seconds : 0));
    add_sleeper(current);
    park("sleeps");
}

/* ------------------------------------------------------------ system calls */

/* False: errno says why we cannot wait for it. */
static bool wait_for(int fd, unsigned event)
{
    if (fd < 0 || fd >= CO_MAX_FDS) {
        errno = fd < 0 ? EBADF : EMFILE;
        return false;
    }
    if (!arm(fd, fds[fd].armed | event))
        return errno == EPERM; /* a file: it never makes us wait */
    push(event == POLLIN ? &fds[fd].readers : &fds[fd].writers, current);
    watching++;
    current->fd = fd;
    park(for_fd);
    errno = EBADF; /* if it was closed meanwhile */
    return current->fd == fd;
}

static bool non_blocking(int fd)
{
    bool known = fd >= 0 && fd < CO_MAX_FDS;
    if (known && fds[fd].non_blocking)
        return true;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return false;
    if (known)
        fds[fd].non_blocking = true;
    return true;
}

ssize_t co_recv(int fd, void *buffer, size_t size, int flags)
{
    bool patient = !(flags & MSG_DONTWAIT);
    ssize_t n;
    do {
        if (patient && !wait_for(fd, POLLIN))
            return -1;
        n = recv(fd, buffer, size, flags | MSG_DONTWAIT);
    } while (n < 0 && (errno == EINTR || (errno == EAGAIN && patient)));
    return n;
}

ssize_t co_send(int fd, const void *bytes, size_t size, int flags)
{
    bool patient = !(flags & MSG_DONTWAIT);
    ssize_t n;
    while ((n = send(fd, bytes, size, flags | MSG_DONTWAIT)) < 0)
        if (errno != EINTR &&
            !(errno == EAGAIN && patient && wait_for(fd, POLLOUT)))
            return -1;
    return n;
}

int co_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    int client;
    if (!non_blocking(fd)) /* who made it readable may have left */
        return -1;
    do {
        if (!wait_for(fd, POLLIN))
            return -1;
        client = accept(fd, address, size);
    } while (client < 0 &&
             (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED));
    return client;
}

int co_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    socklen_t length = sizeof errno;
    int failed;
    if (!non_blocking(fd))
        return -1;
    if (connect(fd, address, size) == 0)
        return 0;
    if ((errno != EINPROGRESS && errno != EINTR) || !wait_for(fd, POLLOUT))
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) < 0)
        return -1;
    errno = failed;
    return failed == 0 ? 0 : -1;
}

int co_close(int fd)
{
    if (fd >= 0 && fd < CO_MAX_FDS) {
        struct watched *w = &fds[fd];
        for (struct co *co = w->readers.first; co != NULL; co = co->next)
            co->fd = -1;
        for (struct co *co = w->writers.first; co != NULL; co = co->next)
            co->fd = -1;
        while (wanted(fd))
            wake_for(fd, wanted(fd));
        arm(fd, 0); /* close() does not, where another process has it too */
        w->non_blocking = false;
    }
    return close(fd);
}
