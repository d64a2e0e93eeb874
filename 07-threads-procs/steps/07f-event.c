/*
 * 07f-event: five workers wait until their boss sets an event.
 *
 *     make 07f  or:  07-threads-procs/steps/07f-event [-s SECONDS (0.2)]
 *
 * Question: A boss sets an event twice, at 0 s and at 5 s. A worker clears it
 * at 6 s, and waits for the second set(). When does it go home?
 * An event is a flag, a lock and a condition variable: wait() blocks until a
 * thread has set the flag. In the notes each worker clears the flag again.
 * Look at the slow worker: it calls clear() after the boss has called set()
 * for the second time, so it waits for ever. The last case counts the calls of
 * set(); a flag only says that there was one.
 * The notes: 同步条件(Event).
 *
 *     a flag, five workers
 *      9.0 s  5 of 5 have gone home
 *     a flag, and one worker needs 6 s to say alas
 *      9.0 s  4 of 5 have gone home
 */
#include "step.h"

#include <stdatomic.h>

enum { WORKERS = 5 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these: */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_set;
static int set_count;
static atomic_int gone_home; /* workers; it needs no lock */
static bool counting; /* or use the flag */
static int seconds[WORKERS] = { 1, 1, 1, 1, 1 }; /* from alas to clear() */

static void set(void)
{
    pthread_mutex_lock(&lock);
    is_set = true;
    set_count++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void clear(void)
{
    pthread_mutex_lock(&lock);
    is_set = false;
    pthread_mutex_unlock(&lock);
}

/* Block until the flag is set; or, if counting, until set() was called N
   times. pthread_cond_wait() may return too early: test again. */
static void wait_for(int n)
{
    pthread_mutex_lock(&lock);
    while (counting ? set_count < n : !is_set)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void *boss(void *unused)
{
    print_line("BOSS: tonight you stay until 22:00");
    set();
    nap(5);
    print_line("BOSS: 22:00, you may go");
    set();
    return unused;
}

static void *worker(void *needs)
{
    wait_for(1);
    print_line("Worker: alas, a hard life!");
    nap(*(int *)needs);
    clear();
    wait_for(2);
    print_line("Worker: oh yeah!");
    gone_home++;
    return NULL;
}

static void work(void)
{
    for (int i = 0; i < WORKERS; i++)
        create_thread(worker, &seconds[i]);
    create_thread(boss, NULL);
    nap(9);
    print_line("%d of %d have gone home", gone_home, WORKERS);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    run_case("a flag, five workers", work);
    seconds[0] = 6;
    run_case("a flag, and one worker needs 6 s to say alas", work);
    counting = true;
    run_case("a count, and one worker needs 6 s to say alas", work);
}
