/*
 * 08e-shared: no lock is needed, unless a coroutine switches in between.
 *
 *     make 08e
 *
 * Question: The number is 100. Five coroutines each read it, switch, and write
 * what they have read less 10. What is the number at the end?
 * Look at subtract_with_switch(). Five coroutines subtract 10 each from 100:
 * each one reads the number, subtracts, and writes it back. One coroutine runs
 * at a time, and the others go on only where it waits. So nothing can come
 * between the read and the write, unless there is a wait between them. Then
 * all five read 100, and each writes 90. Threads lose updates in the same way
 * (07c).
 * The cure: switch before the read or after the write; or take a lock for
 * coroutines, which is a flag and a queue: lock(). A mutex of threads is no
 * cure. A coroutine that waits for it makes the whole thread sleep, and so the
 * owner of the mutex, too.
 * The notes: 优点2 of 协程, 协程的好处.
 *
 *     no switch in between          100 - 5 x 10 =  50
 *     a switch in between           100 - 5 x 10 =  90   4 updates lost
 *     a switch, and a lock around   100 - 5 x 10 =  50
 */
#include "../co.h"
#include "step.h"

enum { START = 100, COROUTINES = 5, PART = 10 };

static int number;

static void *subtract(void *unused)
{
    int n = number;
    number = n - PART;
    return unused;
}

static void *subtract_with_switch(void *unused)
{
    int n = number;
    co_pause(); /* or a co_recv(), in a function that is called here */
    number = n - PART;
    return unused;
}

static bool locked;
static struct co_queue lock_queue;

/* No coroutine can go on between the test of the flag and its change. */
static void lock(void)
{
    while (locked)
        co_wait(&lock_queue);
    locked = true;
}

static void unlock(void)
{
    locked = false;
    co_wake(&lock_queue);
}

static void *subtract_with_lock(void *unused)
{
    lock();
    subtract_with_switch(NULL);
    unlock();
    return unused;
}

static void run_all(const char *title, void *(*run)(void *))
{
    number = START;
    for (int i = 0; i < COROUTINES; i++)
        spawn("one of five", run, NULL);
    co_join_all();
    printf("%-29s %d - %d x %d = %3d", title, START, COROUTINES, PART, number);
    int lost = COROUTINES - (START - number) / PART;
    if (lost > 0)
        printf("   %d updates lost", lost);
    puts("");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "");
    run_all("no switch in between", subtract);
    run_all("a switch in between", subtract_with_switch);
    run_all("a switch, and a lock around", subtract_with_lock);
}
