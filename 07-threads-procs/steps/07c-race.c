/*
 * 07c-race: 100 threads subtract one from a number, with and without a lock.
 *
 *     make 07c  or:  07-threads-procs/steps/07c-race [-s SECONDS (0.2)]
 *     make tsan-07c the same under ThreadSanitizer, which finds the race
 *
 * Question: 100 threads read the number 100, sleep for 0.1 s, and then write
 * the number less one. No lock. What is the number at the end?
 * Each thread reads the number, sleeps for 0.1 s, and writes the number less
 * one. Without a lock all threads read it before the first one writes, so 100
 * subtractions become one (or a few). Look at the times: the notes hold the
 * lock while they sleep, and 100 threads sleep one after the other. The last
 * case holds it only while it uses the number.
 * The notes: 同步锁(Lock).
 *
 *     no lock                  99 left of 100, after  0.1 s
 *     nap with the lock held    0 left of 100, after 10.0 s
 *     nap without the lock      0 left of 100, after  0.1 s
 */
#include "step.h"

enum { THREADS = 100 };

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
    double begin = now();
    num = THREADS;
    run_threads(THREADS, body);
    printf("%-23s  %2d left of %d, after %4.1f s\n", title, num, THREADS,
           now() - begin);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    run("no lock", no_lock);
    run("nap with the lock held", nap_with_lock);
    run("nap without the lock", nap_without_lock);
}
