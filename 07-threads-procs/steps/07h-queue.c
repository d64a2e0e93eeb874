/*
 * 07h-queue: Python's queue, made of a lock and a condition variable.
 *
 *     make 07h  or:  07-threads-procs/steps/07h-queue [-s SECONDS (0.2)]
 *
 * SECONDS: how long one second of the notes lasts. put() blocks while the
 * queue is full (the notes say: empty), get() while it is empty. LIFO is a
 * stack, not a heap. Look at join(): it does not wait until the queue is
 * empty, but until task_done() was called once for each item. (Another thread
 * calls get, put or task_done after 1 s and after 2 s.)
 * The notes: 多线程利器---队列(queue).
 *
 *     FIFO      in 34 56 12   out 34 56 12
 *     LIFO      in 34 56 12   out 12 56 34
 *     priority  in 5 7 3 4   out 3 4 5 7
 *     maxsize 2, two items: qsize 2, empty 0, full 1
 *       put_nowait           Full, after 0 s
 *       put, timeout 1       Full, after 1 s
 *       put                  ok, after 1 s
 *     no item: qsize 0, empty 1, full 0
 *       get_nowait           Empty, after 0 s
 *       get, timeout 1       Empty, after 1 s
 *       get                  ok, after 1 s
 *     two put, two got, no task_done yet: qsize 0, empty 1, full 0
 *       join                 ok, after 2 s
 *       task_done once more  ValueError, after 0 s
 */
#include "step.h"

enum kind { FIFO, LIFO, PRIORITY };
enum { CAPACITY = 100, FOREVER = 1000000 /* a timeout, in notes' seconds */ };

static struct {
    enum kind kind;
    int maxsize, size, unfinished, items[CAPACITY]; /* the last leaves next */
    pthread_mutex_t lock; /* of all this */
    pthread_cond_t changed;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER,
            .changed = PTHREAD_COND_INITIALIZER };

/* Lock the queue. Returns when a call with this timeout has to end. */
static struct timespec lock(double timeout)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end); /* the condition's clock */
    double ns = (double)end.tv_nsec + timeout * step.second * 1e9;
    end.tv_sec += (time_t)(ns / 1e9);
    end.tv_nsec = (long)ns % 1000000000;
    pthread_mutex_lock(&queue.lock);
    return end;
}

/* Sleep, with the queue unlocked, until it changes. Returns false at END. */
static bool wait_for_change(const struct timespec *end)
{
    return pthread_cond_timedwait(&queue.changed, &queue.lock, end) == 0;
}

static bool unlock(bool result)
{
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
    return result;
}

/* Returns false: Full. */
static bool put(int item, double timeout)
{
    struct timespec end = lock(timeout);
    while (queue.size == queue.maxsize && wait_for_change(&end))
        continue;
    if (queue.size == queue.maxsize)
        return unlock(false);
    int i = queue.size++; /* Python has a heap for the priorities */
    for (; i > 0 && (queue.kind == FIFO || (queue.kind == PRIORITY &&
                     item >= queue.items[i - 1])); i--)
        queue.items[i] = queue.items[i - 1];
    queue.items[i] = item;
    queue.unfinished++;
    return unlock(true);
}

/* Returns false: Empty. */
static bool get(int *item, double timeout)
{
    struct timespec end = lock(timeout);
    while (queue.size == 0 && wait_for_change(&end))
        continue;
    if (queue.size == 0)
        return unlock(false);
    *item = queue.items[--queue.size];
    return unlock(true);
}

/* Returns false after more calls than puts: Python's ValueError. */
static bool task_done(double unused)
{
    lock(unused);
    return unlock(queue.unfinished > 0 && queue.unfinished--);
}

static bool join(double timeout)
{
    struct timespec end = lock(timeout);
    while (queue.unfinished > 0 && wait_for_change(&end))
        continue;
    return unlock(queue.unfinished == 0);
}

/* An empty queue; no other thread uses it now. */
static void reset(enum kind kind, int maxsize)
{
    queue.kind = kind;
    queue.maxsize = maxsize;
    queue.size = queue.unfinished = 0;
}

static void show_order(const char *name, enum kind kind, int n, const int *in)
{
    int out;
    reset(kind, CAPACITY);
    printf("%-10sin", name);
    for (int i = 0; i < n; i++) {
        put(in[i], FOREVER);
        printf(" %d", in[i]);
    }
    printf("   out");
    while (get(&out, 0))
        printf(" %d", out);
    printf("\n");
}

static void show_state(const char *title)
{
    printf("%s: qsize %d, empty %d, full %d\n", title, queue.size,
           queue.size == 0, queue.size == queue.maxsize);
}

static bool put_one(double timeout)
{
    return put(1, timeout);
}

static bool get_one(double timeout)
{
    int item;
    return get(&item, timeout);
}

static bool (*other_call)(double timeout);

/* Another thread: it makes this call after 1 s, and again after 2 s. */
static void *call_twice(void *unused)
{
    nap(1);
    other_call(0);
    nap(1);
    other_call(0);
    return unused;
}

/* Make a call; print its result and how long it took. */
static void show(const char *name, bool (*call)(double), double timeout,
                 const char *error)
{
    double begin = now();
    const char *result = call(timeout) ? "ok" : error;
    printf("  %-20s %s, after %.0f s\n", name, result, now() - begin);
}

static void show_with(bool (*other)(double), const char *name,
                      bool (*call)(double))
{
    other_call = other;
    pthread_t thread = create_thread(call_twice, NULL);
    show(name, call, FOREVER, "");
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    show_order("FIFO", FIFO, 3, (int[]){ 34, 56, 12 });
    show_order("LIFO", LIFO, 3, (int[]){ 34, 56, 12 });
    show_order("priority", PRIORITY, 4, (int[]){ 5, 7, 3, 4 });

    reset(FIFO, 2);
    put_one(0);
    put_one(0);
    show_state("maxsize 2, two items");
    show("put_nowait", put_one, 0, "Full");
    show("put, timeout 1", put_one, 1, "Full");
    show_with(get_one, "put", put_one);

    reset(FIFO, 2);
    show_state("no item");
    show("get_nowait", get_one, 0, "Empty");
    show("get, timeout 1", get_one, 1, "Empty");
    show_with(put_one, "get", get_one);

    reset(FIFO, 2);
    for (int i = 0; i < 2; i++) {
        put_one(0);
        get_one(0);
    }
    show_state("two put, two got, no task_done yet");
    show_with(task_done, "join", join);
    show("task_done once more", task_done, 0, "ValueError");
}
