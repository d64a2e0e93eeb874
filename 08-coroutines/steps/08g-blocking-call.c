/*
 * 08g-blocking-call: one call that sleeps in the kernel stops all coroutines.
 *
 *     make 08g
 *     08-coroutines/steps/08g-blocking-call [-s SECONDS of a nap (0.2)]
 *
 * Look at let_helper_sleep(). Five coroutines sleep for one nap each.
 * nanosleep() knows nothing of coroutines: the thread sleeps, so none of the
 * five can go on, and they sleep one after the other. The cure is a call that
 * lets the others go on, here co_sleep(). For some calls there is none: a
 * read() of a file, getaddrinfo(), a function of a library that you cannot
 * change. Then a helper makes the call, here a process, and the coroutine
 * waits for a socket until the call has returned.
 * The last lines of the output: one thread runs on one core at a time. To use
 * all cores, a program needs a process for each core, with coroutines in each
 * process.
 * The notes: 协程的缺点, 协程 (多进程+协程).
 *
 *     5 x nanosleep()               5.0 naps
 *     5 x co_sleep()                1.0 naps
 *     5 x nanosleep() by a helper   1.0 naps
 *     core 0: process 4711, 5 coroutines, 50 turns
 *     core 1: process 4712, 5 coroutines, 50 turns
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "../co.h"
#include "step.h"
#include <sched.h>
#include <sys/wait.h>

enum { COROUTINES = 5, TURNS = 10, MAX_PROCESSES = 4 };

static void *sleep_in_kernel(void *unused)
{
    nap(1); /* nanosleep() */
    return unused;
}

static void *sleep_in_scheduler(void *unused)
{
    co_sleep(step.second);
    return unused;
}

static void *let_helper_sleep(void *unused)
{
    int ends[2]; /* of the socket pair: ours, and the helper's */
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        err(1, "socketpair");
    pid_t helper = fork();
    if (helper < 0)
        err(1, "fork");
    if (helper == 0) {
        sleep_in_kernel(NULL);
        _exit(0); /* the kernel closes its end of the socket */
    }
    close(ends[1]);
    if (co_recv(ends[0], &byte, 1, 0) != 0) /* waits for the end of file */
        err(1, "co_recv");
    co_close(ends[0]);
    waitpid(helper, NULL, 0); /* it hardly sleeps: the helper is ending */
    return unused;
}

static void run_all(void *(*run)(void *))
{
    for (int i = 0; i < COROUTINES; i++)
        spawn("one of five", run, NULL);
    co_join_all();
}

static void measure(const char *title, void *(*run)(void *))
{
    double begin = now();
    run_all(run);
    printf("%-27s %5.1f naps\n", title, now() - begin);
}

#ifdef __linux__
static int turns; /* that all coroutines of this process have had */

static void *take_turns(void *unused)
{
    for (int i = 0; i < TURNS; i++, turns++)
        co_pause();
    return unused;
}

/* What the process for CORE does. */
static void run_on(int core)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0)
        err(1, "sched_setaffinity");
    run_all(take_turns);
    printf("core %d: process %d, %d coroutines, %d turns\n", sched_getcpu(),
           (int)getpid(), COROUTINES, turns);
}

/* A process for each core that this process may use, at most MAX_PROCESSES. */
static void use_cores(void)
{
    cpu_set_t ours;
    if (sched_getaffinity(0, sizeof ours, &ours) < 0)
        err(1, "sched_getaffinity");
    int n = 0;
    for (int core = 0; core < CPU_SETSIZE && n < MAX_PROCESSES; core++) {
        if (!CPU_ISSET(core, &ours))
            continue;
        n++;
        pid_t child = fork();
        if (child < 0)
            err(1, "fork");
        if (child == 0) {
            run_on(core);
            exit(0);
        }
    }
    while (wait(NULL) > 0)
        continue;
}
#else
static void use_cores(void)
{
    puts("(a process for each core: this step can do that on Linux alone)");
}
#endif

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS of a nap (0.2)]");
    measure("5 x nanosleep()", sleep_in_kernel);
    measure("5 x co_sleep()", sleep_in_scheduler);
    measure("5 x nanosleep() by a helper", let_helper_sleep);
    use_cores();
}
