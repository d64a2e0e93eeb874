/*
 * 08e-shared: no lock is needed, as long as nobody switches in between.
 *
 *     make 08e
 *
 * Five coroutines take 10 each from 100: read, subtract, write back. One runs
 * at a time, and only where it waits does another one go on. So without a
 * wait in between nobody can interfere. With one, all five have read 100, and
 * each writes 90: the lost update of threads (07c-race), without threads.
 * The cure is to switch before or after, or, if it must be in between, a lock
 * for coroutines: a flag and a queue. (One for threads would not do: who
 * waits for it makes the whole thread sleep, its owner too.)
 * The notes: 优点2 of 协程, 协程的好处.
 *
 *     no switch in between          100 - 5 x 10 =  50
 *     a switch in between           100 - 5 x 10 =  90   4 updates lost
 *     a switch, and a lock around   100 - 5 x 10 =  50
 */
#include "../co.h"

#include <err.h>
#include <stdio.h>

enum { START = 100, TAKERS = 5, PART = 10 };

static int number;

static void *take(void *none)
{
    int n = number;
    number = n - PART;
    return none;
}

static void *take_and_switch(void *none)
{
    int n = number;
    co_pause(); /* or a co_recv(), deep inside of something called here */
    number = n - PART;
    return none;
}

static bool locked;
static struct co_queue for_lock;

/* To test and to set need no lock: nobody switches in between. */
static void lock(void)
{
    while (locked)
        co_wait(&for_lock);
    locked = true;
}

static void unlock(void)
{
    locked = false;
    co_wake(&for_lock);
}

static void *take_locked(void *none)
{
    lock();
    take_and_switch(none);
    unlock();
    return none;
}

static void all_five(const char *title, void *(*run)(void *))
{
    number = START;
    for (int i = 0; i < TAKERS; i++)
        if (co_spawn("taker", run, NULL) == NULL)
            err(1, "co_spawn");
    co_join_all();
    printf("%-29s %d - %d x %d = %3d", title, START, TAKERS, PART, number);
    int lost = TAKERS - (START - number) / PART;
    if (lost > 0)
        printf("   %d updates lost", lost);
    putchar('\n');
}

int main(void)
{
    all_five("no switch in between", take);
    all_five("a switch in between", take_and_switch);
    all_five("a switch, and a lock around", take_locked);
}
