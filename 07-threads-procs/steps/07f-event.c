/*
 * 07f-event: a boss and five workers, who wait for his word.
 *
 *     make 07f  or:  07-threads-procs/steps/07f-event [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. An event is a flag, a lock
 * and a condition variable: wait() sleeps until somebody has set the flag. The
 * notes have each worker clear it again, and that works as long as all are
 * quick: look at the slow one, whose clear() comes after the boss's second
 * set(). Who counts the words, where a flag only says "some", misses none.
 * The notes: 同步条件(Event).
 *
 *     a flag, five workers
 *      0.0 s  BOSS: tonight you stay until 22:00
 *      0.0 s  Worker: alas, a hard life!
 *      ...
 *      5.0 s  BOSS: 22:00, you may go
 *      5.0 s  Worker: oh yeah!
 *      ...
 *      9.0 s  5 of 5 have gone home
 *     a flag, and one of them takes 6 s to say alas
 *      ...
 *      9.0 s  4 of 5 have gone home
 *     a count, and one of them takes 6 s to say alas
 *      ...
 *      9.0 s  5 of 5 have gone home
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

enum { WORKERS = 5 };

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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these: */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_set;
static int times_set;
static int gone_home;
static bool counting, one_is_slow; /* the case: written before the threads */

static void set(void)
{
    pthread_mutex_lock(&lock);
    is_set = true;
    times_set++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void clear(void)
{
    pthread_mutex_lock(&lock);
    is_set = false;
    pthread_mutex_unlock(&lock);
}

/* Until the flag is set; or, counting, until it has been for the nth time. A
   wake-up is only a hint: look again. */
static void wait_for(int n)
{
    pthread_mutex_lock(&lock);
    while (counting ? times_set < n : !is_set)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void *boss(void *unused)
{
    TELL("BOSS: tonight you stay until 22:00");
    set();
    nap(5);
    TELL("BOSS: 22:00, you may go");
    set();
    return unused;
}

static void *worker(void *number)
{
    wait_for(1);
    TELL("Worker: alas, a hard life!");
    nap(one_is_slow && *(int *)number == 0 ? 6 : 1);
    clear();
    wait_for(2);
    TELL("Worker: oh yeah!");
    pthread_mutex_lock(&lock);
    gone_home++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void work(void)
{
    static int numbers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        started(worker, &numbers[i]);
    }
    started(boss, NULL);
    nap(9);
    pthread_mutex_lock(&lock);
    TELL("%d of %d have gone home", gone_home, WORKERS);
    pthread_mutex_unlock(&lock);
}

static void work_with_a_slow_one(void)
{
    one_is_slow = true;
    work();
}

static void count_with_a_slow_one(void)
{
    one_is_slow = counting = true;
    work();
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
    play("a flag, five workers", work);
    play("a flag, and one of them takes 6 s to say alas",
         work_with_a_slow_one);
    play("a count, and one of them takes 6 s to say alas",
         count_with_a_slow_one);
}
