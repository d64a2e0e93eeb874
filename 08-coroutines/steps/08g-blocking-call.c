/*
 * 08g-blocking-call: one call that sleeps in the kernel stops all of them.
 *
 *     make 08g
 *     08-coroutines/steps/08g-blocking-call [-s SECONDS (0.2): of a nap]
 *
 * Five coroutines take a nap each. usleep() knows nothing of coroutines: the
 * thread sleeps, all five with it, one nap after the other. co_sleep() hands
 * over, and the five naps are one. For a call without such a sister (a file
 * to read, a name to look up) another process makes it, and our coroutine
 * waits for the answer at a socket.
 * So coroutines come to more than one core, too: a process for each core, and
 * coroutines in every process. (One alone never uses more than 1.0 cores.)
 * The notes: 协程的缺点, 协程 (多进程+协程).
 *
 *     5 x usleep()                      5.0 naps
 *     5 x co_sleep()                    1.0 naps
 *     5 x usleep(), by helpers          1.0 naps
 *     5 that compute, in 1 process      1.0 cores
 *     5 that compute, in 2 processes    2.0 cores, if there are two free
 */
#include "../co.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COROUTINES = 5 };

static double second = 0.2;

static double seconds_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

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

/* Let a child make the call, and wait for its answer. */
static void *let_help(void *none)
{
    int ends[2];
    char answer;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        err(1, "socketpair");
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0) {
        block(NULL);
        _exit(write(ends[1], "!", 1) == 1 ? 0 : 1);
    }
    close(ends[1]);
    if (co_recv(ends[0], &answer, 1, 0) != 1)
        errx(1, "the helper has gone");
    co_close(ends[0]);
    waitpid(child, NULL, 0); /* it is about to end */
    return none;
}

/* Until the process has computed for a second of ours. */
static void *compute(void *none)
{
    while (seconds_of(CLOCK_PROCESS_CPUTIME_ID) < second)
        co_pause();
    return none;
}

static void run_all(void *(*run)(void *))
{
    for (int i = 0; i < COROUTINES; i++)
        if (co_spawn("napper", run, NULL) == NULL)
            err(1, "co_spawn");
    co_join_all();
}

static void naps(const char *title, void *(*run)(void *))
{
    double begin = seconds_of(CLOCK_MONOTONIC);
    run_all(run);
    printf("%-33s %.1f naps\n", title,
           (seconds_of(CLOCK_MONOTONIC) - begin) / second);
}

static void cores(const char *title, int processes)
{
    struct rusage before, after;
    double begin = seconds_of(CLOCK_MONOTONIC);
    getrusage(RUSAGE_CHILDREN, &before);
    for (int i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child < 0)
            err(1, "fork");
        if (child == 0) {
            run_all(compute);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    getrusage(RUSAGE_CHILDREN, &after);
    double used = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec +
                           after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                  (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                           after.ru_stime.tv_usec - before.ru_stime.tv_usec) /
                  1e6;
    printf("%-33s %.1f cores\n", title,
           used / (seconds_of(CLOCK_MONOTONIC) - begin));
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || (second = atof(argv[2])) <= 0))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0); /* or children would print it, too */

    naps("5 x usleep()", block);
    naps("5 x co_sleep()", hand_over);
    naps("5 x usleep(), by helpers", let_help);
    cores("5 that compute, in 1 process", 1);
    cores("5 that compute, in 2 processes", 2);
}
