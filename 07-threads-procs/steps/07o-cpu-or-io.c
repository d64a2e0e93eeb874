/*
 * 07o-cpu-or-io: the same work by one, by threads, by processes.
 *
 *     make 07o  or:  07-threads-procs/steps/07o-cpu-or-io [-s SECONDS (0.2)]
 *
 * SECONDS: how long one piece of waiting takes. Four pieces of work: to wait,
 * as one does for a network, or to count primes. Look at the last column: CPUs
 * at work at the same time. Python's lock (the GIL) keeps the threads of one
 * program at one of them; C has none, so threads can use as many as there are
 * and as are free. Waiting needs no CPU, and four wait as long as one.
 * The notes: 多线程的使用场景, 并行和并发. What 4 threads do is concurrent; with
 * more than one CPU at once it is parallel, too.
 *
 *     2  CPUs              took     CPU  at once
 *     waiting, 1 thread   0.80 s  0.00 s     0.0
 *     ... 4 threads       0.20 s  0.00 s     0.0
 *     ... 4 processes     0.20 s  0.00 s     0.0
 *     primes, 1 thread    0.09 s  0.09 s     1.0
 *     ... 4 threads       0.05 s  0.09 s     1.9
 *     ... 4 processes     0.05 s  0.10 s     1.9
 *     24 of 24 pieces right
 */
#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECES = 4, BELOW = 300000, PRIMES_BELOW = 25997 };

static double second = 0.2; /* how long a second of the notes lasts here */
static double start;

/* The clock of the notes. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec / 1e9) / second - start;
}

static void nap(double seconds)
{
    usleep((useconds_t)(seconds * second * 1e6));
}

/* A line in one piece, whoever else prints. */
static void take_options(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    start = now();
}

static pthread_t started(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, argument);
    if (error != 0)
        errx(1, "pthread_create: %s", strerror(error));
    return thread;
}

/* A child that runs the body, and ends with the status that it returns. */
static pid_t child(int (*body)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0)
        _exit(body());
    return pid;
}

/* Join: sleep until it has ended. Its exit status, or minus the signal that
   killed it, as in Python. */
static int joined(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0)
        err(1, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int wait_once(void)
{
    nap(1);
    return 0;
}

/* By division, the slow way: work is what we want. 0 if it came out right. */
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

static int (*piece)(void);
static int wrong; /* pieces */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of wrong */

static void *in_a_thread(void *unused)
{
    int result = piece();
    pthread_mutex_lock(&lock);
    wrong += result != 0;
    pthread_mutex_unlock(&lock);
    return unused;
}

static void by_one(void)
{
    for (int i = 0; i < PIECES; i++)
        in_a_thread(NULL);
}

static void by_threads(void)
{
    pthread_t threads[PIECES];
    for (int i = 0; i < PIECES; i++)
        threads[i] = started(in_a_thread, NULL);
    for (int i = 0; i < PIECES; i++)
        pthread_join(threads[i], NULL);
}

static void by_processes(void)
{
    pid_t children[PIECES];
    for (int i = 0; i < PIECES; i++)
        children[i] = child(piece);
    for (int i = 0; i < PIECES; i++)
        wrong += joined(children[i]) != 0;
}

/* Of this process and of its children that have ended, in seconds. */
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
    double begin = now(), cpu = cpu_time();
    work();
    double took = (now() - begin) * second;
    cpu = cpu_time() - cpu;
    printf("%-18s %5.2f s  %4.2f s  %6.1f\n", title, took, cpu, cpu / took);
}

int main(int argc, char **argv)
{
    take_options(argc, argv);
    printf("%-2ld CPUs              took     CPU  at once\n",
           sysconf(_SC_NPROCESSORS_ONLN));
    piece = wait_once;
    measure("waiting, 1 thread", by_one);
    measure("... 4 threads", by_threads);
    measure("... 4 processes", by_processes);
    piece = count_primes;
    measure("primes, 1 thread", by_one);
    measure("... 4 threads", by_threads);
    measure("... 4 processes", by_processes);
    printf("%d of %d pieces right\n", 6 * PIECES - wrong, 6 * PIECES);
    return wrong != 0;
}
