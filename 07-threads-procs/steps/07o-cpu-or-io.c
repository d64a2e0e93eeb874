/*
 * 07o-cpu-or-io: the same work by one thread, by threads, by processes.
 *
 *     make 07o  or:  07-threads-procs/steps/07o-cpu-or-io [-s SECONDS (0.2)]
 *
 * Question: Four threads count primes, and C has no lock like Python's GIL.
 * How many CPUs of this machine work at once?
 * Four tasks, of two kinds: wait for a second, as for a network; or count
 * primes. Look at the last column: how many CPUs worked at the same time.
 * Python's lock (the GIL) allows the threads of a program one CPU. C has no
 * such lock. Waiting needs no CPU, and four tasks wait as long as one.
 * The notes: 多线程的使用场景, 并行和并发. Four threads are concurrent; if more
 * than one CPU works at once, they are parallel, too.
 *
 *     2  CPUs              took     CPU  at once
 *     waiting, 1 thread   0.80 s  0.00 s     0.0
 *     ...
 *     primes, 1 thread    0.09 s  0.09 s     1.0
 *     ... 4 threads       0.05 s  0.09 s     1.9
 */
#include "step.h"

#include <stdatomic.h>
#include <sys/resource.h>

enum { TASKS = 4, BELOW = 300000, PRIMES_BELOW = 25997 };

static int wait_once(void)
{
    nap(1);
    return 0;
}

/* By division, which is slow: it is to be work. Returns 0 if it is right. */
static int count_primes(void)
{
    int count = 0;
    for (int n = 2; n < BELOW; n++) {
        int d = 2;
        while (d * d <= n && n % d != 0)
            d++;
        count += d * d > n;
    }
    return count != PRIMES_BELOW;
}

static int (*task)(void);
static atomic_int wrong; /* tasks */

static void *run_task(void *unused)
{
    wrong += task() != 0;
    return unused;
}

static void by_one_thread(void)
{
    for (int i = 0; i < TASKS; i++)
        run_task(NULL);
}

static void by_threads(void)
{
    run_threads(TASKS, run_task);
}

static void by_processes(void)
{
    pid_t children[TASKS];
    for (int i = 0; i < TASKS; i++)
        children[i] = create_process(task);
    for (int i = 0; i < TASKS; i++)
        wrong += join_process(children[i]) != 0;
}

/* CPU seconds of this process and of its children that have ended. */
static double cpu_time(void)
{
    double sum = 0;
    for (int i = 0; i < 2; i++) {
        struct rusage u;
        getrusage(i == 0 ? RUSAGE_SELF : RUSAGE_CHILDREN, &u);
        sum += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

static void measure(const char *title, void (*work)(void))
{
    double begin = now_ms(), cpu = cpu_time();
    work();
    double took = (now_ms() - begin) / 1e3;
    cpu = cpu_time() - cpu;
    printf("%-18s %5.2f s  %4.2f s  %6.1f\n", title, took, cpu, cpu / took);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    printf("%-2ld CPUs              took     CPU  at once\n",
           sysconf(_SC_NPROCESSORS_ONLN));
    task = wait_once;
    measure("waiting, 1 thread", by_one_thread);
    measure("... 4 threads", by_threads);
    measure("... 4 processes", by_processes);
    task = count_primes;
    measure("primes, 1 thread", by_one_thread);
    measure("... 4 threads", by_threads);
    measure("... 4 processes", by_processes);
    printf("%d of %d tasks right\n", 6 * TASKS - wrong, 6 * TASKS);
    return wrong != 0;
}
