/*
 * 08f-cost: what it costs to hand over to another function, in six ways.
 *
 *     make 08f
 *
 * Question: A call of a function takes half a nanosecond here. How long does a
 * switch of coroutines take: 3 ns, 200 ns, or 2,000? And one of threads?
 * Look at MEASURE(). It measures a round trip, there and back, and prints one
 * way, which is half of it:
 *   call         a function is called, and returns;
 *   generator    a function without a stack of its own goes on where it was;
 *   coroutine    two coroutines switch, by our co_swap();
 *   swapcontext  ... by the C library, which makes a system call, too (it sets
 *                the signal mask);
 *   process      a byte in a pipe wakes a process on the same core: the kernel
 *                switches, and runs a write() and a read(), too;
 *   thread       the same, but the byte wakes a thread.
 * In the output, ten # more mean ten times as long.
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
#include "step.h"
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

/* Run ROUND_TRIP N times, five times over, and print the best time. It is a
   macro, so that the round trip stands in the loop: to call it by a pointer
   would cost as much as each of the first three. */
#define MEASURE(name, n, round_trip) \
    do { \
        double best = 1e18; /* ns */ \
        for (int try = 0; try < 5; try++) { \
            double begin = now_ms(); \
            for (int i = 0; i < (n); i++) \
                round_trip; \
            double half = (now_ms() - begin) * 1e6 / (n) / 2; \
            best = half < best ? half : best; \
        } \
        print_cost(name, best); \
    } while (0)

static void print_cost(const char *name, double ns)
{
    printf("%-12s %9.1f ns  ", name, ns);
    for (double x = ns; x >= 0.1; x /= 1.2589) /* the tenth root of 10 */
        putchar('#');
    puts("");
}

/* The empty asm keeps the compiler from leaving out the call. */
static __attribute__((noinline)) void call(void)
{
    __asm__ volatile("");
}

/* What a compiler makes of a generator with two yields: each call goes on
   where *STATE says. */
static __attribute__((noinline)) int next(int *state)
{
    switch (*state) {
    case 0: *state = 1; return 'a';
    case 1: *state = 0; return 'b';
    default: return 0;
    }
}

/* The other coroutine: every co_resume() passes NULL, and so it never ends. */
static void *yield(void *value)
{
    while (value == NULL)
        value = co_yield(value);
    return value;
}

#ifdef __GLIBC__ /* other C libraries lack it, or have one that fails */
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

static int request[2], reply[2]; /* pipes */

static void *answer_requests(void *unused)
{
    char byte;
    while (read(request[0], &byte, 1) == 1 && write(reply[1], &byte, 1) == 1)
        continue;
    return unused;
}

static void ask(void)
{
    char byte = 0;
    if (write(request[1], &byte, 1) != 1 || read(reply[0], &byte, 1) != 1)
        err(1, "pipe");
}

static void measure_process(void)
{
    pid_t child = check(fork(), "fork");
    if (child == 0) {
        close(request[1]); /* if the parent ends, read() returns 0 */
        answer_requests(NULL);
        _exit(0);
    }
    MEASURE("process", 2000, ask());
    kill(child, SIGKILL);
    waitpid(child, NULL, 0); /* else it could take a byte that is for the
                                thread, which reads the same pipe */
}

static void measure_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer_requests, NULL) != 0)
        errx(1, "pthread_create");
    MEASURE("thread", 2000, ask());
}

/* For this process, and for the child and the thread that it makes later. */
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

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "");
    int state = 0;
    struct co *other = make_co("other", yield);
    check(pipe(request), "pipe");
    check(pipe(reply), "pipe");
    stay_on_one_core();
    puts("one way, best of five    ten # more: ten times as long");
    MEASURE("call", 1000000, call());
    MEASURE("generator", 1000000, next(&state));
    MEASURE("coroutine", 1000000, co_resume(other, NULL));
    measure_swapcontext();
    measure_process();
    measure_thread();
}
