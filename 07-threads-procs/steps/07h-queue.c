/*
 * 07h-queue: Python's queue, made of a lock and a condition variable.
 *
 *     make 07h  or:  07-threads-procs/steps/07h-queue [-s SECONDS (0.2)]
 *
 * Question: Two items are put into a queue, and two are got from it: it is
 * empty. No thread has called task_done(). Does join() return at once?
 * put() blocks while the queue is full (the notes say: empty), get() while it
 * is empty. LIFO is a stack, not a heap. Look at join(): it does not wait
 * until the queue is empty, but until task_done() was called for each item.
 * The notes: 多线程利器---队列(queue).
 *
 *     LIFO      in 34 56 12   out 12 56 34
 *     ...
 *       put, timeout 1       Full, after 1 s
 *       put                  ok, after 1 s
 *     ...
 *     two put, two got, no task_done yet: qsize 0, empty 1, full 0
 *       join                 ok, after 2 s
 */
#include "step.h"

enum kind { FIFO, LIFO, PRIORITY };
enum {
    CAPACITY = 100,    /* items */
    FOREVER = 1000000, /* a timeout, in the notes' seconds */
    EMPTY = -1,        /* get() returns it if there is no item */
};

static struct {
    enum kind kind;
    int maxsize, size, unfinished, items[CAPACITY]; /* the last leaves next */
    pthread_mutex_t lock; /* of all this */
    pthread_cond_t changed;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER,
            .changed = PTHREAD_COND_INITIALIZER };

/* Sleep, with the queue unlocked, until it changes. Returns false at END. */
static bool wait_for_change(const struct timespec *end)
{
    return pthread_cond_timedwait(&queue.changed, &queue.lock, end) == 0;
}

static void unlock(void)
{
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
}

/* Python has a heap for the priorities. */
static void insert(int item)
{
    queue.unfinished++;
    int i = queue.size++;
    for (; i > 0 && (queue.kind == FIFO || (queue.kind == PRIORITY &&
                     item >= queue.items[i - 1])); i--)
        queue.items[i] = queue.items[i - 1];
    queue.items[i] = item;
}

/* Returns false: Full. */
static bool put(int item, double timeout)
{
    struct timespec end = deadline(timeout);
    pthread_mutex_lock(&queue.lock);
    while (queue.size == queue.maxsize && wait_for_change(&end))
        continue;
    bool has_room = queue.size < queue.maxsize;
    if (has_room)
        insert(item);
    unlock();
    return has_room;
}

static int get(double timeout)
{
    struct timespec end = deadline(timeout);
    pthread_mutex_lock(&queue.lock);
    while (queue.size == 0 && wait_for_change(&end))
        continue;
    int item = queue.size > 0 ? queue.items[--queue.size] : EMPTY;
    unlock();
    return item;
}

/* Returns false after more calls than puts: Python's ValueError. */
static bool task_done(void)
{
    pthread_mutex_lock(&queue.lock);
    bool ok = queue.unfinished > 0;
    if (ok)
        queue.unfinished--;
    unlock();
    return ok;
}

static void join(void)
{
    pthread_mutex_lock(&queue.lock);
    while (queue.unfinished > 0)
        pthread_cond_wait(&queue.changed, &queue.lock);
    unlock();
}

static void show_order(const char *name, enum kind kind, int n, const int *in)
{
    queue.kind = kind;
    queue.maxsize = CAPACITY;
    printf("%-10sin", name);
    for (int i = 0; i < n; i++) {
        put(in[i], FOREVER);
        printf(" %d", in[i]);
    }
    printf("   out");
    for (int item; (item = get(0)) != EMPTY;)
        printf(" %d", item);
    puts("");
}

static double begin; /* now() at the line before */

/* Begin with a new queue for two items, after some calls of put and get. */
static void begin_case(const char *title, int put_calls, int get_calls)
{
    queue.kind = FIFO;
    queue.maxsize = 2;
    queue.size = queue.unfinished = 0;
    for (int i = 0; i < put_calls; i++)
        put(1, 0);
    for (int i = 0; i < get_calls; i++)
        get(0);
    printf("%s: qsize %d, empty %d, full %d\n", title, queue.size,
           queue.size == 0, queue.size == queue.maxsize);
    begin = now();
}

/* Print what a call has returned, and how long it took. */
static void print_result(const char *name, const char *result)
{
    printf("  %-20s %s, after %.0f s\n", name, result, now() - begin);
    begin = now();
}

/* Another thread makes the call that the main thread waits for. */
static void *get_later(void *unused)
{
    nap(1);
    get(0);
    return unused;
}

static void *put_later(void *unused)
{
    nap(1);
    put(1, 0);
    return unused;
}

static void *do_two_tasks(void *unused)
{
    nap(1);
    task_done();
    nap(1);
    task_done();
    return unused;
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    show_order("FIFO", FIFO, 3, (int[]){ 34, 56, 12 });
    show_order("LIFO", LIFO, 3, (int[]){ 34, 56, 12 });
    show_order("priority", PRIORITY, 4, (int[]){ 5, 7, 3, 4 });

    begin_case("maxsize 2, two items", 2, 0);
    print_result("put_nowait", put(1, 0) ? "ok" : "Full");
    print_result("put, timeout 1", put(1, 1) ? "ok" : "Full");
    create_thread(get_later, NULL);
    print_result("put", put(1, FOREVER) ? "ok" : "Full");

    begin_case("no item", 0, 0);
    print_result("get_nowait", get(0) == EMPTY ? "Empty" : "ok");
    print_result("get, timeout 1", get(1) == EMPTY ? "Empty" : "ok");
    create_thread(put_later, NULL);
    print_result("get", get(FOREVER) == EMPTY ? "Empty" : "ok");

    begin_case("two put, two got, no task_done yet", 2, 2);
    create_thread(do_two_tasks, NULL);
    join();
    print_result("join", "ok");
    print_result("task_done once more", task_done() ? "ok" : "ValueError");
}
