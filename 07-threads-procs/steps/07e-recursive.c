/*
 * 07e-recursive: the same thread takes the same lock twice.
 *
 *     make 07e  or:  07-threads-procs/steps/07e-recursive [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. Python's Lock is C's plain
 * mutex, RLock is PTHREAD_MUTEX_RECURSIVE: it counts, and wants to be given
 * back as often as it was taken. The notes' example forgets that once, and
 * hangs: look at who owns the lock after its owner has ended. With all the
 * releases it ends; not since the lock is recursive, but since there is one
 * lock where 07d has two.
 * The notes: 线程死锁和递归锁, 递归例子.
 *
 *     taken twice by its owner
 *       plain         1st: ok, 2nd would sleep for ever (EBUSY, says trylock)
 *       error check   1st: ok, 2nd: Resource deadlock avoided
 *       recursive     1st: ok, 2nd: ok
 *         given back once, another thread gets: Device or resource busy
 *         given back twice, another thread gets: ok
 *     the notes' five threads, which take twice and give back once
 *       1 of 5 has ended, the lock: Device or resource busy
 *     the same, and give back twice
 *       5 of 5 have ended, the lock: ok
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 5 };

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

static pthread_mutex_t plain, checking;
static pthread_mutex_t lock; /* the recursive one */
static bool gives_back_all;
static int ended;
static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER; /* of ended */

static void make(pthread_mutex_t *mutex, int kind)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, kind);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static const char *result(int error)
{
    return error == 0 ? "ok" : strerror(error);
}

/* What another thread gets, which gives it back at once if it gets it. */
static void *try_lock(void *unused)
{
    static int error;
    (void)unused;
    error = pthread_mutex_trylock(&lock);
    if (error == 0)
        pthread_mutex_unlock(&lock);
    return &error;
}

static const char *of_another_thread(void)
{
    void *error;
    pthread_join(started(try_lock, NULL), &error);
    return result(*(int *)error);
}

static void twice(void)
{
    make(&plain, PTHREAD_MUTEX_NORMAL);
    printf("  plain         1st: %s, ", result(pthread_mutex_lock(&plain)));
    if (pthread_mutex_trylock(&plain) == EBUSY)
        puts("2nd would sleep for ever (EBUSY, says trylock)");
    pthread_mutex_unlock(&plain);

    make(&checking, PTHREAD_MUTEX_ERRORCHECK);
    printf("  error check   1st: %s, ", result(pthread_mutex_lock(&checking)));
    printf("2nd: %s\n", result(pthread_mutex_lock(&checking)));
    pthread_mutex_unlock(&checking);

    make(&lock, PTHREAD_MUTEX_RECURSIVE);
    printf("  recursive     1st: %s, ", result(pthread_mutex_lock(&lock)));
    printf("2nd: %s\n", result(pthread_mutex_lock(&lock)));
    pthread_mutex_unlock(&lock);
    printf("    given back once, another thread gets: %s\n",
           of_another_thread());
    pthread_mutex_unlock(&lock);
    printf("    given back twice, another thread gets: %s\n",
           of_another_thread());
}

static void *do_a_then_b(void *unused)
{
    pthread_mutex_lock(&lock); /* doA */
    nap(1);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&lock);
    nap(1);
    pthread_mutex_lock(&lock); /* doB */
    nap(1);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    if (gives_back_all)
        pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&count_lock);
    ended++;
    pthread_mutex_unlock(&count_lock);
    return unused;
}

/* One after the other they hold the lock for 10 s in all; we wait for 15. */
static void five_threads(void)
{
    int n = 0;
    make(&lock, PTHREAD_MUTEX_RECURSIVE);
    for (int i = 0; i < THREADS; i++)
        started(do_a_then_b, NULL);
    for (int i = 0; i < 150 && n < THREADS; i++) {
        nap(0.1);
        pthread_mutex_lock(&count_lock);
        n = ended;
        pthread_mutex_unlock(&count_lock);
    }
    printf("  %d of %d %s ended, the lock: ", n, THREADS,
           n == 1 ? "has" : "have");
    puts(of_another_thread());
}

static void five_right_threads(void)
{
    gives_back_all = true;
    five_threads();
}

/* One case in a process of its own, since its end is a part of it. */
static void play(const char *title, void (*body)(void))
{
    printf("%s\n", title);
    pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0) {
        start += now();
        body();
        exit(0); /* what main() does when it returns */
    }
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    take_options(argc, argv);
    play("taken twice by its owner", twice);
    play("the notes' five threads, which take twice and give back once",
         five_threads);
    play("the same, and give back twice", five_right_threads);
}
