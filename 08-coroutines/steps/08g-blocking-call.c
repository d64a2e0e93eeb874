/*
 * 08g-blocking-call: one call that sleeps in the kernel stops all of them.
 *
 *     make 08g
 *     08-coroutines/steps/08g-blocking-call [-s SECONDS (0.2): of a nap]
 *
 * Five coroutines take a nap each. usleep() knows nothing of coroutines: the
 * thread sleeps, and none of the five can go on, so they nap one after the
 * other. The cure is a call that hands over, co_sleep(). And for a call that
 * has no such sister (a file, a name to look up, somebody else's library) a
 * helper makes it, here a process, and the coroutine waits at a socket until
 * it is told that the call has returned.
 * The last lines: one thread is on one core at a time. To use all of them, it
 * takes a process for each core, and coroutines in every process.
 * The notes: 协程的缺点, 协程 (多进程+协程).
 *
 *     5 x usleep()               5.0 naps
 *     5 x co_sleep()             1.0 naps
 *     5 x usleep() by a helper   1.0 naps
 *     core 0: process 4711, 5 coroutines, 50 turns
 *     core 1: process 4712, 5 coroutines, 50 turns
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "../co.h"

#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COROUTINES = 5, TURNS = 10, MOST_CORES = 4 };

static double second = 0.2; /* how long a nap is */

static void *block(void *none)
{
    usleep((useconds_t)(second * 1e6));
    return none;
}

static void *hand_over(void *none)
{
    co_sleep(second);
    return none;
}

static void *let_help(void *none)
{
    int ends[2];
    char told;
    pid_t helper = socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ? -1 : fork();
    if (helper < 0)
        err(1, "socketpair, fork");
    if (helper == 0) {
        block(NULL);
        _exit(0); /* which ends the connection, too */
    }
    close(ends[1]);
    if (co_recv(ends[0], &told, 1, 0) != 0)
        err(1, "co_recv");
    co_close(ends[0]);
    waitpid(helper, NULL, 0); /* it has closed its end, so it is ending */
    return none;
}

static void run_all(void *(*run)(void *))
{
    for (int i = 0; i < COROUTINES; i++)
        if (co_spawn("one of five", run, NULL) == NULL)
            err(1, "co_spawn");
    co_join_all();
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void naps(const char *title, void *(*run)(void *))
{
    double begin = now();
    run_all(run);
    printf("%-24s %5.1f naps\n", title, (now() - begin) / second);
}

static int turns; /* of all coroutines of this process */

static void *take_turns(void *none)
{
    for (int i = 0; i < TURNS; i++, turns++)
        co_pause();
    return none;
}

#ifdef __linux__
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

/* A process for each core that we may use, but not for too many of them. */
static void use_cores(void)
{
    cpu_set_t ours;
    if (sched_getaffinity(0, sizeof ours, &ours) < 0)
        err(1, "sched_getaffinity");
    for (int core = 0, n = 0; core < CPU_SETSIZE && n < MOST_CORES; core++) {
        pid_t child = CPU_ISSET(core, &ours) ? n++, fork() : 1;
        if (child < 0)
            err(1, "fork");
        if (child == 0) {
            run_on(core);
            exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
}
#else
static void use_cores(void)
{
    puts("(which core runs whom, we know how to ask on Linux alone)");
}
#endif

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || (second = atof(argv[2])) <= 0))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0); /* or children would print it, too */

    naps("5 x usleep()", block);
    naps("5 x co_sleep()", hand_over);
    naps("5 x usleep() by a helper", let_help);
    use_cores();
}
