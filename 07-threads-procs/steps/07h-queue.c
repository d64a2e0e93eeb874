/*
 * 07h-queue: what Python's queue does, with a lock and a condition variable.
 *
 *     make 07h  or:  07-threads-procs/steps/07h-queue [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. put() waits while the queue
 * is full, not empty as the notes say; get() while it is empty. LIFO is a
 * stack; it is the priorities that a heap would be for (here: look for the
 * smallest). Look at join(): it does not wait until the queue is empty, but
 * until task_done() was said once for each item.
 * The notes: 多线程利器---队列(queue).
 *
 *     FIFO      in 34 56 12   out 34 56 12
 *     LIFO      in 34 56 12   out 12 56 34
 *     priority  in 5 7 3 4    out 3 4 5 7
 *     maxsize 2, and 2 are in it: qsize 2, empty 0, full 1
 *       put_nowait           Full, after 0 s
 *       put, timeout 1       Full, after 1 s
 *       put                  ok, after 2 s, when somebody has taken one
 *     empty: qsize 0, empty 1, full 0
 *       get_nowait           Empty, after 0 s
 *       get, timeout 1       Empty, after 1 s
 *       get                  ok, after 2 s, when somebody has put one
 *     two are put, two taken, both still worked on: qsize 0, empty 1, full 0
 *       join                 ok, after 2 s, at the second task_done
 *       task_done once more  ValueError
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum kind { FIFO, LIFO, PRIORITY };
enum { ROOM = 10000 }; /* items, of a queue without maxsize */

#define FOREVER (-1.0) /* a timeout; 0: do not wait at all */

struct queue {
    enum kind kind;
    int maxsize; /* items; 0: no limit */
    int items[ROOM], size, unfinished;
    pthread_mutex_t lock; /* of all that changes */
    pthread_cond_t changed;
};

static double second = 0.2; /* how long a second of the notes lasts here */
static double start;

/* The clock of the notes. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec / 1e9) / second - start;
}

static void nap(double seconds)
{
    usleep((useconds_t)(seconds * second * 1e6));
}

/* A line in one piece, whoever else prints. */
static void take_options(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    start = now();
}

static pthread_t started(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, argument);
    if (error != 0)
        errx(1, "pthread_create: %s", strerror(error));
    return thread;
}

static void init(struct queue *q, enum kind kind, int maxsize)
{
    q->kind = kind;
    q->maxsize = maxsize;
    q->size = q->unfinished = 0;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
}

static void destroy(struct queue *q)
{
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->changed);
}

static bool is_full(const struct queue *q)
{
    return q->size == (q->maxsize > 0 ? q->maxsize : ROOM);
}

static bool is_empty(const struct queue *q)
{
    return q->size == 0;
}

static bool has_unfinished(const struct queue *q)
{
    return q->unfinished > 0;
}

/* Sleep as long as it is so, with the lock given back; but not longer than
   the timeout: then false. */
static bool wait_while(bool (*is)(const struct queue *), struct queue *q,
                       double timeout)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end); /* the condition's clock */
    long ns = end.tv_nsec + (long)(timeout * second * 1e9);
    end.tv_sec += ns / 1000000000;
    end.tv_nsec = ns % 1000000000;
    while (is(q))
        if (timeout == FOREVER)
            pthread_cond_wait(&q->changed, &q->lock);
        else if (timeout == 0 ||
                 pthread_cond_timedwait(&q->changed, &q->lock, &end) ==
                     ETIMEDOUT)
            return !is(q);
    return true;
}

/* False: Full. */
static bool put(struct queue *q, int item, double timeout)
{
    pthread_mutex_lock(&q->lock);
    bool ok = wait_while(is_full, q, timeout);
    if (ok) {
        q->items[q->size++] = item;
        q->unfinished++;
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    return ok;
}

/* False: Empty. */
static bool get(struct queue *q, int *item, double timeout)
{
    pthread_mutex_lock(&q->lock);
    bool ok = wait_while(is_empty, q, timeout);
    if (ok) {
        int which = q->kind == LIFO ? q->size - 1 : 0;
        for (int i = 0; q->kind == PRIORITY && i < q->size; i++)
            if (q->items[i] < q->items[which])
                which = i;
        *item = q->items[which];
        q->size--;
        memmove(&q->items[which], &q->items[which + 1],
                (size_t)(q->size - which) * sizeof *q->items);
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    return ok;
}

/* False: said more often than something was put, Python's ValueError. */
static bool task_done(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool ok = q->unfinished > 0;
    q->unfinished -= ok;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

static void join(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    wait_while(has_unfinished, q, FOREVER);
    pthread_mutex_unlock(&q->lock);
}

/* ---------------------------------------------------------- what it does */

static struct queue queue;

static void order(const char *name, enum kind kind, const int *in, int n)
{
    int out;
    init(&queue, kind, 0);
    printf("%-10sin", name);
    for (int i = 0; i < n; i++) {
        put(&queue, in[i], FOREVER);
        printf(" %d", in[i]);
    }
    fputs(n < 4 ? "   out" : "    out", stdout);
    while (get(&queue, &out, 0))
        printf(" %d", out);
    putchar('\n');
    destroy(&queue);
}

static void *get_in_2_s(void *unused)
{
    int item;
    nap(2);
    get(&queue, &item, FOREVER);
    return unused;
}

static void *put_in_2_s(void *unused)
{
    nap(2);
    put(&queue, 1, FOREVER);
    return unused;
}

static void *be_done_in_1_and_2_s(void *unused)
{
    nap(1);
    task_done(&queue);
    nap(1);
    task_done(&queue);
    return unused;
}

static void tell(const char *what, const char *result, double begin,
                 const char *when)
{
    printf("  %-20s %s, after %.0f s%s\n", what, result, now() - begin, when);
}

static void tell_state(const char *what)
{
    pthread_mutex_lock(&queue.lock); /* true only as long as we hold it */
    printf("%s: qsize %d, empty %d, full %d\n", what, queue.size,
           is_empty(&queue), is_full(&queue));
    pthread_mutex_unlock(&queue.lock);
}

static void put_to_a_full_one(void)
{
    init(&queue, FIFO, 2);
    put(&queue, 1, FOREVER);
    put(&queue, 2, FOREVER);
    tell_state("maxsize 2, and 2 are in it");
    double begin = now();
    tell("put_nowait", put(&queue, 3, 0) ? "ok" : "Full", begin, "");
    begin = now();
    tell("put, timeout 1", put(&queue, 3, 1) ? "ok" : "Full", begin, "");
    pthread_t other = started(get_in_2_s, NULL);
    begin = now();
    tell("put", put(&queue, 3, FOREVER) ? "ok" : "Full", begin,
         ", when somebody has taken one");
    pthread_join(other, NULL);
    destroy(&queue);
}

static void get_from_an_empty_one(void)
{
    int item;
    init(&queue, FIFO, 2);
    tell_state("empty");
    double begin = now();
    tell("get_nowait", get(&queue, &item, 0) ? "ok" : "Empty", begin, "");
    begin = now();
    tell("get, timeout 1", get(&queue, &item, 1) ? "ok" : "Empty", begin, "");
    pthread_t other = started(put_in_2_s, NULL);
    begin = now();
    tell("get", get(&queue, &item, FOREVER) ? "ok" : "Empty", begin,
         ", when somebody has put one");
    pthread_join(other, NULL);
    destroy(&queue);
}

static void join_an_empty_one(void)
{
    int item;
    init(&queue, FIFO, 2);
    put(&queue, 1, FOREVER);
    put(&queue, 2, FOREVER);
    while (get(&queue, &item, 0))
        ;
    tell_state("two are put, two taken, both still worked on");
    pthread_t other = started(be_done_in_1_and_2_s, NULL);
    double begin = now();
    join(&queue);
    tell("join", "ok", begin, ", at the second task_done");
    pthread_join(other, NULL);
    printf("  %-20s %s\n", "task_done once more",
           task_done(&queue) ? "ok" : "ValueError");
    destroy(&queue);
}

int main(int argc, char **argv)
{
    take_options(argc, argv);
    order("FIFO", FIFO, (int[]){ 34, 56, 12 }, 3);
    order("LIFO", LIFO, (int[]){ 34, 56, 12 }, 3);
    order("priority", PRIORITY, (int[]){ 5, 7, 3, 4 }, 4);
    put_to_a_full_one();
    get_from_an_empty_one();
    join_an_empty_one();
}
