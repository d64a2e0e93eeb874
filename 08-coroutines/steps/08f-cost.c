/*
 * 08f-cost: what it costs to hand over, six ways.
 *
 *     make 08f
 *
 * The time from one side to the other: a function called (and half its
 * return); a generator without a stack, its state in a struct; coroutines
 * switched by our co_swap, which saves eight words, and by the C library's
 * swapcontext(), which also asks the kernel for the signal mask;
 * another process, and another thread, woken by a byte in a pipe, all on one
 * core, so that the kernel has to switch as well. A bar ten characters longer
 * stands for ten times the time; each is the best of five measurements.
 * The notes: 优点1 of 协程, 协程的好处.
 *
 *     call             0.6 ns  ########
 *     generator        0.6 ns  ########
 *     coroutine        5.1 ns  ##################
 *     swapcontext    215.6 ns  ##################################
 *     process       2128.0 ns  ############################################
 *     thread        2155.3 ns  ############################################
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "../co.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#ifdef __GLIBC__
#include <ucontext.h>
#endif
#include <unistd.h>

enum { MEASUREMENTS = 5, CHEAP = 1000000, DEAR = 2000 }; /* round trips */

static int there[2], back[2]; /* pipes */

static __attribute__((noinline)) void *call(void *value)
{
    __asm__ volatile("" : "+r"(value)); /* or the compiler drops the call */
    return value;
}

struct generator { int at; long value; };

/* Goes on where it was, like a Python generator: in a frame that is kept. */
static __attribute__((noinline)) long next(struct generator *g)
{
    __asm__ volatile("" ::: "memory");
    switch (g->at) {
    case 0: g->at = 1; return g->value++;
    default: g->at = 0; return g->value--;
    }
}

static void *echo(void *value)
{
    while (value == NULL)
        value = co_yield(value);
    return value;
}

static void trips_by_call(int n)
{
    while (n-- > 0)
        call(NULL);
}

static void trips_by_generator(int n)
{
    struct generator g = { 0, 0 };
    while (n-- > 0)
        next(&g);
}

static struct co *echoing;

static void trips_by_coroutine(int n)
{
    while (n-- > 0)
        co_resume(echoing, NULL);
}

#ifdef __GLIBC__ /* others have no swapcontext(), or no working one */
static ucontext_t here, other;

static void swap_back(void)
{
    for (;;)
        swapcontext(&other, &here);
}

static void trips_by_context(int n)
{
    while (n-- > 0)
        swapcontext(&here, &other);
}
#endif

/* Take each byte that comes, and send it back, until the pipe ends. */
static void *pong(void *none)
{
    char byte;
    while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
        ;
    return none;
}

static void trips_by_pipe(int n)
{
    char byte = 0;
    while (n-- > 0)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            err(1, "pipe");
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const char *name, void (*trips)(int n), int n)
{
    double best = 1e18;
    for (int i = 0; i < MEASUREMENTS; i++) {
        double begin = now_ns();
        trips(n);
        double one_way = (now_ns() - begin) / n / 2;
        best = one_way < best ? one_way : best;
    }
    printf("%-12s %8.1f ns  ", name, best);
    for (double x = best; x >= 0.1; x /= 1.2589) /* tenth root of 10 */
        putchar('#');
    putchar('\n');
}

int main(void)
{
#ifdef __linux__
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0)
        warn("sched_setaffinity; not all on one core");
#endif
    if ((echoing = co_new("echo", echo)) == NULL || pipe(there) < 0 ||
        pipe(back) < 0)
        err(1, "co_new, pipe");
    setvbuf(stdout, NULL, _IOLBF, 0);
    measure("call", trips_by_call, CHEAP);
    measure("generator", trips_by_generator, CHEAP);
    measure("coroutine", trips_by_coroutine, CHEAP);
#ifdef __GLIBC__
    static char stack[64 * 1024];
    getcontext(&other);
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = sizeof stack;
    makecontext(&other, swap_back, 0);
    measure("swapcontext", trips_by_context, CHEAP / 20);
#endif

    pid_t child = fork(); /* before there are threads */
    if (child == 0) {
        close(there[1]); /* or its pipe would never end */
        pong(NULL);
        _exit(0);
    }
    if (child < 0)
        err(1, "fork");
    pthread_t thread;
    measure("process", trips_by_pipe, DEAR);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if ((errno = pthread_create(&thread, NULL, pong, NULL)) != 0)
        err(1, "pthread_create");
    measure("thread", trips_by_pipe, DEAR);
}
