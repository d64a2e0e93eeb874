/*
 * 07d-deadlock: A then B against B then A; found, told, and cured twice.
 *
 *     make 07d  or:  07-threads-procs/steps/07d-deadlock [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. A thread that has its first
 * lock waits until the other one has one, too: so it happens every time. No
 * system judges anything: each thread sleeps, in pthread_mutex_lock(), and it
 * takes somebody who knows who holds what to see that they wait in a circle.
 * Look at the two cures: the same order in all threads, so that there is no
 * circle; or never wait with a lock in hand.
 * The notes: 线程死锁和递归锁.
 *
 *     A then B, against B then A
 *      0.0 s  Thread-1 got A
 *      0.1 s  Thread-2 got B
 *      0.3 s  deadlock: Thread-1 holds A and waits for B
 *      0.3 s  deadlock: Thread-2 holds B and waits for A
 *     both A then B
 *      0.0 s  Thread-1 got A
 *      3.0 s  Thread-1 got B
 *      3.0 s  Thread-2 got A
 *      3.1 s  Thread-2 got B
 *      3.2 s  both have ended
 *     A then B, against B then A, but nobody waits with a lock in hand
 *      0.0 s  Thread-1 got A
 *      0.0 s  Thread-2 got B
 *      0.0 s  Thread-1 cannot have B, gives A back
 *      0.0 s  Thread-2 got A
 *      1.0 s  Thread-1 got A
 *      1.0 s  Thread-1 got B
 *      1.0 s  both have ended
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

struct thread {
    const char *name;
    struct lock *locks[2], *wants; /* in this order; the one it waits for */
    double patience; /* seconds until it tries again */
};

struct lock {
    const char *name;
    pthread_mutex_t mutex;
    struct thread *owner;
};

static struct lock a = { "A", PTHREAD_MUTEX_INITIALIZER, NULL };
static struct lock b = { "B", PTHREAD_MUTEX_INITIALIZER, NULL };
static struct thread threads[2] = { { .name = "Thread-1", .patience = 1 },
                                    { .name = "Thread-2", .patience = 2 } };
static int under_way, ended; /* threads that have had a lock; that are done */
static pthread_mutex_t books = PTHREAD_MUTEX_INITIALIZER; /* of all this */

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

static void note(struct lock *l, struct thread *owner, struct thread *waiting)
{
    pthread_mutex_lock(&books);
    if (waiting != NULL) {
        waiting->wants = l;
    } else {
        l->owner = owner;
        if (owner != NULL)
            owner->wants = NULL;
    }
    pthread_mutex_unlock(&books);
    if (owner != NULL)
        TELL("%s got %s", owner->name, l->name);
}

static void take(struct thread *t, struct lock *l)
{
    note(l, NULL, t);
    pthread_mutex_lock(&l->mutex);
    note(l, t, NULL);
}

static bool try_to_take(struct thread *t, struct lock *l)
{
    if (pthread_mutex_trylock(&l->mutex) == EBUSY)
        return false;
    note(l, t, NULL);
    return true;
}

static void give_back(struct lock *l)
{
    note(l, NULL, NULL);
    pthread_mutex_unlock(&l->mutex);
}

/* Take the first lock, and wait until the other thread has one, too. If both
   take the same first, the other one has to wait: so 3 s at most. */
static void begin(struct thread *t)
{
    bool both = false;
    bool crossed = threads[0].locks[0] != threads[1].locks[0];
    take(t, t->locks[0]);
    pthread_mutex_lock(&books);
    under_way++;
    pthread_mutex_unlock(&books);
    for (int i = 0; (crossed || i < 30) && !both; i++) {
        nap(0.1);
        pthread_mutex_lock(&books);
        both = under_way == 2;
        pthread_mutex_unlock(&books);
    }
}

static void end(struct thread *t)
{
    give_back(t->locks[1]);
    give_back(t->locks[0]);
    pthread_mutex_lock(&books);
    ended++;
    pthread_mutex_unlock(&books);
}

static void *waiting(void *thread)
{
    struct thread *t = thread;
    begin(t);
    take(t, t->locks[1]);
    end(t);
    return NULL;
}

static void *backing_off(void *thread)
{
    struct thread *t = thread;
    begin(t);
    while (!try_to_take(t, t->locks[1])) {
        TELL("%s cannot have %s, gives %s back", t->name, t->locks[1]->name,
             t->locks[0]->name);
        give_back(t->locks[0]);
        nap(t->patience); /* not the same for both, or they meet again */
        take(t, t->locks[0]);
    }
    end(t);
    return NULL;
}

/* Does each wait for what the other one holds? */
static bool in_a_circle(void)
{
    pthread_mutex_lock(&books);
    struct lock *one = threads[0].wants, *other = threads[1].wants;
    bool circle = one != NULL && one->owner == &threads[1] &&
                  other != NULL && other->owner == &threads[0];
    pthread_mutex_unlock(&books);
    return circle;
}

static bool have_ended(void)
{
    pthread_mutex_lock(&books);
    bool all = ended == 2;
    pthread_mutex_unlock(&books);
    return all;
}

static void run(void *(*body)(void *), struct lock *first, struct lock *then)
{
    threads[0].locks[0] = &a;
    threads[0].locks[1] = &b;
    threads[1].locks[0] = first;
    threads[1].locks[1] = then;
    started(body, &threads[0]);
    nap(0.1); /* so that the first one is Thread-1 */
    started(body, &threads[1]);
    while (!have_ended() && !in_a_circle())
        nap(0.1);
    for (int i = 0; i < 2 && !have_ended(); i++)
        TELL("deadlock: %s holds %s and waits for %s", threads[i].name,
             threads[i].locks[0]->name, threads[i].locks[1]->name);
    if (have_ended())
        TELL("both have ended");
}

static void against_each_other(void)
{
    run(waiting, &b, &a);
}

static void in_the_same_order(void)
{
    run(waiting, &a, &b);
}

static void with_empty_hands(void)
{
    run(backing_off, &b, &a);
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
    play("A then B, against B then A", against_each_other);
    play("both A then B", in_the_same_order);
    play("A then B, against B then A, but nobody waits with a lock in hand",
         with_empty_hands);
}
