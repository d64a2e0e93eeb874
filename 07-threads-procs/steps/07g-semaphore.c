/*
 * 07g-semaphore: twenty threads, five at a time.
 *
 *     make 07g  or:  07-threads-procs/steps/07g-semaphore [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. A semaphore is a number of
 * permits: sem_wait() takes one, and sleeps while there is none; sem_post()
 * gives one back. Look at the second column: never more than five inside.
 * The notes: 信号量(Semaphore).
 *
 *      0.0 s  Thread-1 is in, with it 1
 *      ...
 *      0.0 s  Thread-5 is in, with it 5
 *      3.0 s  Thread-6 is in, with it 5
 *      ...
 *     12.0 s  20 threads, at most 5 at a time
 */
#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 20, PERMITS = 5 };

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
#define TELL(...) \
    (flockfile(stdout), printf("%4.1f s  ", now()), printf(__VA_ARGS__), \
     putchar('\n'), funlockfile(stdout))

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

static sem_t permits;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these: */
static int inside, most;

static void *enter_and_leave(void *number)
{
    sem_wait(&permits);
    pthread_mutex_lock(&lock);
    inside++;
    most = inside > most ? inside : most;
    TELL("Thread-%d is in, with it %d", *(int *)number, inside);
    pthread_mutex_unlock(&lock);
    nap(3);
    pthread_mutex_lock(&lock);
    inside--;
    pthread_mutex_unlock(&lock);
    sem_post(&permits);
    return NULL;
}

int main(int argc, char **argv)
{
    static int numbers[THREADS];
    pthread_t threads[THREADS];
    take_options(argc, argv);
    if (sem_init(&permits, 0, PERMITS) < 0)
        err(1, "sem_init"); /* macOS has only those with a name, sem_open() */
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i + 1;
        threads[i] = started(enter_and_leave, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    TELL("%d threads, at most %d at a time", THREADS, most);
}
