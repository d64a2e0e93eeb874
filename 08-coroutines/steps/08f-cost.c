/*
 * 08f-cost: what it costs to hand over, in six ways.
 *
 *     make 08f
 *
 * Half of a round trip, that is one way: a function is called, and returns; a
 * generator without a stack of its own goes on where it was; two coroutines
 * switch, by our co_swap, and by the C library's swapcontext(), which also
 * makes a system call, for the signal mask; a process and a thread are woken
 * by a byte in a pipe, on one core, so the kernel switches from one to the
 * other, and has a write() and a read() to do as well.
 * The notes: 优点1 of 协程, 协程的好处.
 *
 *     one way, best of five    ten # more: ten times as long
 *     call              0.5 ns  ########
 *     generator         0.6 ns  ########
 *     coroutine         2.6 ns  ###############
 *     swapcontext     171.2 ns  #################################
 *     process        2188.2 ns  ############################################
 *     thread         2187.1 ns  ############################################
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "../co.h"

#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The round trip stands in the loop itself: to call it by a pointer would cost
   as much as the first three. */
#define MEASURE(name, n, round_trip) \
    do { \
        double best = 1e18; \
        for (int try = 0; try < 5; try++) { \
            double begin = now_ns(); \
            for (int i = 0; i < (n); i++) \
                round_trip; \
            double half = (now_ns() - begin) / (n) / 2; \
            best = half < best ? half : best; \
        } \
        show(name, best); \
    } while (0)

static void show(const char *name, double ns)
{
    printf("%-12s %9.1f ns  ", name, ns);
    for (double x = ns; x >= 0.1; x /= 1.2589) /* the tenth root of 10 */
        putchar('#');
    putchar('\n');
}

/* The empty asm keeps the compiler from leaving out the call. */
static __attribute__((noinline)) void call(void)
{
    __asm__ volatile("");
}

/* What compilers make of a function with two yields. */
static __attribute__((noinline)) int next(int *state)
{
    switch (*state) {
    case 0: *state = 1; return 'a';
    case 1: *state = 0; return 'b';
    default: return 0;
    }
}

static void *yield(void *value)
{
    while (value == NULL)
        value = co_yield(value);
    return value;
}

#ifdef __GLIBC__ /* elsewhere it is missing, or does not work */
#include <ucontext.h>
static ucontext_t here, there;

static void swap_back(void)
{
    for (;;)
        swapcontext(&there, &here);
}

static void measure_swapcontext(void)
{
    static char stack[64 * 1024];
    getcontext(&there);
    there.uc_stack = (stack_t){ .ss_sp = stack, .ss_size = sizeof stack };
    makecontext(&there, swap_back, 0);
    MEASURE("swapcontext", 50000, swapcontext(&here, &there));
}
#else
static void measure_swapcontext(void)
{
}
#endif

static int ping[2], pong[2]; /* pipes */

static void *answer(void *none)
{
    char byte;
    while (read(ping[0], &byte, 1) == 1 && write(pong[1], &byte, 1) == 1)
        ;
    return none;
}

static void ask(void)
{
    char byte = 0;
    if (write(ping[1], &byte, 1) != 1 || read(pong[0], &byte, 1) != 1)
        err(1, "pipe");
}

/* For this process, and those that it makes. */
static void stay_on_one_core(void)
{
#ifdef __linux__
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0)
        return;
#endif
    puts("(process and thread: perhaps on two cores)");
}

int main(void)
{
    int state = 0;
    struct co *other = co_new("other", yield);
    if (other == NULL || pipe(ping) < 0 || pipe(pong) < 0)
        err(1, "co_new, pipe");
    setvbuf(stdout, NULL, _IOLBF, 0);
    stay_on_one_core();
    puts("one way, best of five    ten # more: ten times as long");
    MEASURE("call", 1000000, call());
    MEASURE("generator", 1000000, next(&state));
    MEASURE("coroutine", 1000000, co_resume(other, NULL));
    measure_swapcontext();
    pid_t child = fork();
    if (child == 0) {
        close(ping[1]); /* or its end would never come */
        answer(NULL);
        _exit(0);
    }
    if (child < 0)
        err(1, "fork");
    MEASURE("process", 2000, ask());
    kill(child, SIGKILL);
    waitpid(child, NULL, 0); /* or it might still take the thread's byte */
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, NULL) != 0)
        errx(1, "pthread_create");
    MEASURE("thread", 2000, ask());
}
