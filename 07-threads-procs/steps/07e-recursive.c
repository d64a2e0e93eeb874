/*
 * 07e-recursive: the same thread locks the same mutex twice.
 *
 *     make 07e  or:  07-threads-procs/steps/07e-recursive [-s SECONDS (0.2)]
 *
 * Question: Five threads share a recursive mutex. Each one locks it twice,
 * unlocks it once, and ends. How many of the five end?
 * Python's Lock is a plain mutex in C, and RLock is PTHREAD_MUTEX_RECURSIVE:
 * it counts, and its owner must unlock it as often as it has locked it. The
 * notes' example unlocks once too few, and hangs: look at the mutex after its
 * owner has ended. With all unlocks it ends; but the reason is not that the
 * mutex is recursive: it has one mutex where 07d has two.
 * The notes: 线程死锁和递归锁, 递归例子.
 *
 *     one thread locks twice
 *       plain         1st: ok, 2nd would block for ever (trylock: EBUSY)
 *     ...
 *     the notes' five threads, which lock twice and unlock once
 *       1 of 5 ended, trylock: Device or resource busy
 */
#include "step.h"

#include <stdatomic.h>

enum { THREADS = 5 };

static pthread_mutex_t mutex; /* the recursive one */
static bool unlocks_twice;
static atomic_int ended; /* threads */

static void init(pthread_mutex_t *m, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutex_init(m, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

/* If it gets the mutex, it unlocks it at once. */
static void *try_lock(void *error)
{
    *(int *)error = pthread_mutex_trylock(&mutex);
    if (*(int *)error == 0)
        pthread_mutex_unlock(&mutex);
    return NULL;
}

static const char *try_in_another_thread(void)
{
    int error;
    pthread_join(create_thread(try_lock, &error), NULL);
    return text_of(error);
}

static const char *lock(pthread_mutex_t *m)
{
    return text_of(pthread_mutex_lock(m));
}

static void lock_twice(void)
{
    pthread_mutex_t plain, checking;
    init(&plain, PTHREAD_MUTEX_NORMAL);
    printf("  plain         1st: %s, ", lock(&plain));
    if (pthread_mutex_trylock(&plain) == EBUSY)
        puts("2nd would block for ever (trylock: EBUSY)");

    init(&checking, PTHREAD_MUTEX_ERRORCHECK);
    printf("  error check   1st: %s, ", lock(&checking));
    printf("2nd: %s\n", lock(&checking));

    init(&mutex, PTHREAD_MUTEX_RECURSIVE);
    printf("  recursive     1st: %s, ", lock(&mutex));
    printf("2nd: %s\n", lock(&mutex));
    pthread_mutex_unlock(&mutex);
    printf("    unlocked once, trylock in another thread: %s\n",
           try_in_another_thread());
    pthread_mutex_unlock(&mutex);
    printf("    unlocked twice, trylock in another thread: %s\n",
           try_in_another_thread());
}

static void *do_a_then_b(void *unused)
{
    pthread_mutex_lock(&mutex); /* doA */
    nap(1);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    pthread_mutex_unlock(&mutex);
    nap(1);
    pthread_mutex_lock(&mutex); /* doB */
    nap(1);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    if (unlocks_twice)
        pthread_mutex_unlock(&mutex);
    ended++;
    return unused;
}

/* One after the other, the threads hold the mutex for 10 s in all. */
static void five_threads(void)
{
    init(&mutex, PTHREAD_MUTEX_RECURSIVE);
    for (int i = 0; i < THREADS; i++)
        create_thread(do_a_then_b, NULL);
    for (int i = 0; i < 150 && ended < THREADS; i++)
        nap(0.1);
    printf("  %d of %d ended, trylock: %s\n", ended, THREADS,
           try_in_another_thread());
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    run_case("one thread locks twice", lock_twice);
    run_case("the notes' five threads, which lock twice and unlock once",
             five_threads);
    unlocks_twice = true;
    run_case("the same, but they unlock twice", five_threads);
}
