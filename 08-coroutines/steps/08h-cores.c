/*
 * 08h-cores: a process for each core, and coroutines in each process.
 *
 *     make 08h    or:  08-coroutines/steps/08h-cores
 *
 * Question: Each process makes five coroutines, and each of these takes ten
 * turns. One process is ready early. Does it run turns of another process?
 * A thread runs on one core at a time, and all its coroutines run there, too.
 * To use all cores, a program needs a process (or a thread with its own
 * scheduler) for each core. Look at use_cores(): every process makes its own
 * coroutines after fork(), and none of them moves to another process.
 * The notes: 协程 (多进程+协程).
 *
 *     core 0: process 4711, 5 coroutines, 50 turns
 *     core 1: process 4712, 5 coroutines, 50 turns
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "../co.h"
#include "step.h"
#include <sched.h>
#include <sys/wait.h>

#ifdef __linux__
enum { COROUTINES = 5, TURNS = 10, MAX_PROCESSES = 4 };

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
    CPU_SET((size_t)core, &one);
    check(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
    run_coroutines(COROUTINES, take_turns);
    printf("core %d: process %d, %d coroutines, %d turns\n", sched_getcpu(),
           (int)getpid(), COROUTINES, turns);
}

/* A process for each core that this process may use, at most MAX_PROCESSES. */
static void use_cores(void)
{
    cpu_set_t ours;
    check(sched_getaffinity(0, sizeof ours, &ours), "sched_getaffinity");
    int n = 0;
    for (int core = 0; core < CPU_SETSIZE && n < MAX_PROCESSES; core++) {
        if (!CPU_ISSET((size_t)core, &ours))
            continue;
        n++;
        if (check(fork(), "fork") == 0) {
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
    begin_step(argc, argv, "", "(no options)");
    use_cores();
}
