/*
 * 07m-process-lock: ten processes print two halves of a line each.
 *
 *     make 07m  or: 07-threads-procs/steps/07m-process-lock [-s SECONDS (0.2)]
 *
 * Question: Ten processes print "hello world N", nap, and print the end of the
 * line. There is no lock. What does the first line look like?
 * A mutex works between processes if it lies in shared memory and has the
 * attribute PROCESS_SHARED. The last two lines are not in the notes: if the
 * owner of a plain mutex is killed, all others wait for ever. A robust mutex
 * returns EOWNERDEAD to the next process, which repairs what it protects.
 * The notes: 进程锁 Lock.
 *
 *     without a lock
 *     hello world 0hello world 1hello world 2... Finished 0
 *     the owner is killed: the next process gets "Owner died"
 *     it goes on: after that a process gets "ok"
 */
#include "step.h"

#include <sys/mman.h>

enum { CHILDREN = 10 };

static pthread_mutex_t *lock; /* in shared memory */
static bool use_lock;
static int number;
static int gate[2]; /* a pipe: EOF when all children have closed its end */

static void make_lock(void)
{
    pthread_mutexattr_t attributes;
    lock = mmap(NULL, sizeof *lock, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lock == MAP_FAILED)
        err(1, "mmap");
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
#ifndef __APPLE__ /* it has no robust mutex */
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
#endif
    pthread_mutex_init(lock, &attributes);
}

static int print_two_halves(void)
{
    if (use_lock)
        pthread_mutex_lock(lock);
    printf("hello world %d", number);
    fflush(stdout);
    if (!use_lock)
        wait_for_all(gate); /* or they might mix only by luck */
    nap(0.1);
    printf(" Finished %d\n", number);
    if (use_lock)
        pthread_mutex_unlock(lock);
    return 0;
}

static void ten_children(const char *title)
{
    puts(title);
    check(pipe(gate), "pipe");
    for (number = 0; number < CHILDREN; number++)
        create_process(print_two_halves);
    close(gate[0]);
    close(gate[1]);
    join_all_processes();
}

static void owner_dies(void)
{
#ifdef __APPLE__
    puts("no robust mutex on this system");
#else
    if (fork_process() == 0) {
        pthread_mutex_lock(lock);
        raise(SIGKILL);
    }
    join_all_processes();
    printf("the owner is killed: the next process gets \"%s\"\n",
           text_of(pthread_mutex_lock(lock)));
    pthread_mutex_consistent(lock);
    pthread_mutex_unlock(lock);
    printf("it goes on: after that a process gets \"%s\"\n",
           text_of(pthread_mutex_lock(lock)));
    pthread_mutex_unlock(lock);
#endif
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    make_lock();
    ten_children("without a lock");
    use_lock = true;
    ten_children("with a lock");
    owner_dies();
}
