/*
 * 07d-deadlock: A then B against B then A; how to see it, and two cures.
 *
 *     make 07d  or:  07-threads-procs/steps/07d-deadlock [-s SECONDS (0.2)]
 *
 * Question: A thread may not wait while it holds a lock. It holds A, and
 * another thread has B. What must it do with A before it can get both?
 * A thread that has its first lock waits until the other thread has one, too:
 * so the deadlock happens every time. The system does not notice it: each
 * thread sleeps in pthread_mutex_lock(). To see the circle, the program must
 * record which thread holds which lock, and which lock it waits for. Look at
 * the two cures: all threads take the locks in the same order; or no thread
 * waits while it holds a lock.
 * The notes: 线程死锁和递归锁.
 *
 *     A then B, against B then A
 *      0.0 s  Thread-1 got A
 *      0.1 s  Thread-2 got B
 *      0.3 s  deadlock: Thread-1 holds A and waits for B
 *      0.3 s  deadlock: Thread-2 holds B and waits for A
 *     ...
 *     A then B, against B then A, but no thread waits while it holds a lock
 *      ...
 *      0.1 s  Thread-1 cannot have B: it unlocks A
 *      0.2 s  Thread-2 got A
 *      ...
 *      1.2 s  both have ended
 */
#include "step.h"

#include <stdatomic.h>

struct lock {
    const char *name;
    pthread_mutex_t mutex;
    struct thread *owner;
};

struct thread {
    const char *name;
    struct lock *first, *second; /* in this order */
    struct lock *wants;          /* the lock that it waits for, or NULL */
    double retry;                /* the notes' seconds until it tries again */
};

static struct lock a = { "A", PTHREAD_MUTEX_INITIALIZER, NULL };
static struct lock b = { "B", PTHREAD_MUTEX_INITIALIZER, NULL };
static struct thread one = { .name = "Thread-1", .first = &a, .second = &b,
                             .retry = 1 };
static struct thread two = { .name = "Thread-2", .first = &b, .second = &a,
                             .retry = 2 };
static pthread_mutex_t record = PTHREAD_MUTEX_INITIALIZER; /* of all this */
static atomic_int begun, ended; /* threads that have had a lock; are done */
static void *(*body)(void *);   /* what each thread does */

static void set_owner(struct lock *l, struct thread *owner)
{
    pthread_mutex_lock(&record);
    l->owner = owner;
    if (owner != NULL)
        owner->wants = NULL;
    pthread_mutex_unlock(&record);
    if (owner != NULL)
        print_line("%s got %s", owner->name, l->name);
}

static void acquire(struct thread *t, struct lock *l)
{
    pthread_mutex_lock(&record);
    t->wants = l;
    pthread_mutex_unlock(&record);
    pthread_mutex_lock(&l->mutex);
    set_owner(l, t);
}

static bool try_to_acquire(struct thread *t, struct lock *l)
{
    if (pthread_mutex_trylock(&l->mutex) == EBUSY)
        return false;
    set_owner(l, t);
    return true;
}

static void release(struct lock *l)
{
    set_owner(l, NULL);
    pthread_mutex_unlock(&l->mutex);
}

/* Take the first lock, and wait until the other thread has one, too. If both
   begin with the same lock, the other thread cannot have it: wait for 3 s. */
static void acquire_first(struct thread *t)
{
    acquire(t, t->first);
    begun++;
    for (int i = 0; one.first != two.first || i < 30; i++) {
        nap(0.1);
        if (begun == 2)
            return;
    }
}

static void release_both(struct thread *t)
{
    release(t->second);
    release(t->first);
    ended++;
}

static void *wait_for_second(void *thread)
{
    struct thread *t = thread;
    acquire_first(t);
    acquire(t, t->second);
    release_both(t);
    return NULL;
}

static void *try_second(void *thread)
{
    struct thread *t = thread;
    acquire_first(t);
    while (!try_to_acquire(t, t->second)) {
        print_line("%s cannot have %s: it unlocks %s", t->name,
                   t->second->name, t->first->name);
        release(t->first);
        nap(t->retry); /* different for each, or they meet again */
        acquire(t, t->first);
    }
    release_both(t);
    return NULL;
}

/* Does each thread wait for the lock that the other one holds? */
static bool is_deadlock(void)
{
    pthread_mutex_lock(&record);
    bool circle = one.wants != NULL && one.wants->owner == &two &&
                  two.wants != NULL && two.wants->owner == &one;
    pthread_mutex_unlock(&record);
    return circle;
}

static void run(void)
{
    create_thread(body, &one);
    nap(0.1); /* so that Thread-1 gets its lock first */
    create_thread(body, &two);
    while (ended < 2) {
        nap(0.1);
        if (is_deadlock()) {
            print_line("deadlock: %s holds A and waits for B", one.name);
            print_line("deadlock: %s holds B and waits for A", two.name);
            return;
        }
    }
    print_line("both have ended");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    body = wait_for_second;
    run_case("A then B, against B then A", run);

    two.first = &a;
    two.second = &b;
    run_case("both A then B", run);

    two.first = &b;
    two.second = &a;
    body = try_second;
    run_case("A then B, against B then A, but no thread waits while it holds "
             "a lock", run);
}
