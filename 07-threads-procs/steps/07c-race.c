/*
 * 07c-race: 100 threads take one from the same number, with and without a
 * lock.
 *
 *     make 07c  or:  07-threads-procs/steps/07c-race [-s SECONDS (0.2)]
 *     make tsan-07c the same under ThreadSanitizer, which finds the race
 *
 * SECONDS: how long a second of the notes lasts. Each thread reads the number,
 * naps for 0.1 s, and writes it back less one. Without a lock all have read
 * before the first one writes, and 100 subtractions become one (or some).
 * Look at what the lock holds up: all of it, nap included, as in the notes, or
 * no more than the number needs.
 * The notes: 同步锁(Lock).
 *
 *     no lock                  99 left of 100, after  0.1 s
 *     nap with the lock held    0 left of 100, after 10.0 s
 *     nap without the lock      0 left of 100, after  0.1 s
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 100 };

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

static int num;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of num */

static void *no_lock(void *unused)
{
    int temp = num;
    nap(0.1);
    num = temp - 1;
    return unused;
}

static void *nap_with_lock(void *unused)
{
    pthread_mutex_lock(&lock);
    int temp = num;
    nap(0.1);
    num = temp - 1;
    pthread_mutex_unlock(&lock);
    return unused;
}

static void *nap_without_lock(void *unused)
{
    nap(0.1);
    pthread_mutex_lock(&lock);
    int temp = num;
    num = temp - 1;
    pthread_mutex_unlock(&lock);
    return unused;
}

static void run(const char *title, void *(*body)(void *))
{
    pthread_t threads[THREADS];
    double begin = now();
    num = THREADS;
    for (int i = 0; i < THREADS; i++)
        threads[i] = started(body, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%-23s  %2d left of %d, after %4.1f s\n", title, num, THREADS,
           now() - begin);
}

int main(int argc, char **argv)
{
    take_options(argc, argv);
    run("no lock", no_lock);
    run("nap with the lock held", nap_with_lock);
    run("nap without the lock", nap_without_lock);
}
