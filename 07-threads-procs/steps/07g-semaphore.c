/*
 * 07g-semaphore: twenty threads, five at a time.
 *
 *     make 07g  or:  07-threads-procs/steps/07g-semaphore [-s SECONDS (0.2)]
 *
 * Question: Twenty threads want to enter, and a semaphore lets in five at a
 * time. Each one stays for 3 s. When has the last one left?
 * A semaphore is a count of permits: sem_wait() subtracts one, and blocks
 * while the count is 0; sem_post() adds one. Look at the second number: never
 * above five.
 * The notes: 信号量(Semaphore).
 *
 *      0.0 s  Thread-1 enters, 1 inside
 *      ...
 *      0.0 s  Thread-5 enters, 5 inside
 *      3.0 s  Thread-6 enters, 5 inside
 *      ...
 *     12.0 s  20 threads, at most 5 at a time
 */
#include "step.h"

#include <semaphore.h>

enum { THREADS = 20, PERMITS = 5 };

static sem_t *permits;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these: */
static int inside, most;

static void *enter_and_leave(void *number)
{
    sem_wait(permits);
    pthread_mutex_lock(&lock);
    inside++;
    most = inside > most ? inside : most;
    print_line("Thread-%d enters, %d inside", *(int *)number, inside);
    pthread_mutex_unlock(&lock);
    nap(3);
    pthread_mutex_lock(&lock);
    inside--;
    pthread_mutex_unlock(&lock);
    sem_post(permits);
    return NULL;
}

static void make_permits(void)
{
#ifdef __APPLE__ /* it has only semaphores with a name */
    permits = sem_open("/07g", O_CREAT | O_EXCL, 0600, PERMITS);
    sem_unlink("/07g");
    if (permits == SEM_FAILED)
        err(1, "sem_open");
#else
    static sem_t semaphore;
    permits = &semaphore;
    if (sem_init(permits, 0, PERMITS) < 0)
        err(1, "sem_init");
#endif
}

int main(int argc, char **argv)
{
    static int numbers[THREADS];
    pthread_t threads[THREADS];
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    make_permits();
    now(); /* the clock starts */
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i + 1;
        threads[i] = create_thread(enter_and_leave, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    print_line("%d threads, at most %d at a time", THREADS, most);
}
