/*
 * 07n-pool: five processes for ten tasks.
 *
 *     make 07n  or:  07-threads-procs/steps/07n-pool [-s SECONDS (0.2)]
 *
 * Question: Five workers, ten tasks of one second. apply() waits for its
 * result, apply_async() does not. How long does each of them take for all ten?
 * A task takes one second of the notes. The pool starts its workers once, and
 * they read task after task from a pipe. apply() waits for the result of its
 * task, apply_async() does not; the parent calls the callback when it reads
 * the result. Look at close(): it closes the pipe of the tasks, and at the end
 * of file a worker exits. Without it join() would wait for ever. Look also at
 * a task that fails: it calls the error callback, or nothing if there is none.
 * A program that does not join loses its tasks.
 * The notes: 进程池.
 *
 *     apply: 10 tasks, 10 s, by 5 processes
 *     join before close: refused, the pool is still running
 *     apply_async: 10 tasks, 2 s, by 5 processes
 *     callbacks: 10, of them in the parent 10; for its children 10
 *     ...
 */
#include "step.h"

enum { WORKERS = 5, TASKS = 10 };

struct result {
    bool failed;
    pid_t worker, parent_of_worker;
};

static struct {
    int tasks[2];   /* a pipe. A task is one byte, 1: it is to fail. So each
                       read returns a whole task, though five workers read */
    int results[2]; /* a pipe. Five workers write: below PIPE_BUF a write is
                       not mixed with others. One process reads */
    pid_t workers[WORKERS];
    bool closed;
    int pending; /* tasks without a result yet */
    void (*on_result)(const struct result *);
    void (*on_error)(const struct result *);
} pool;

static int work(void)
{
    char fails;
    close(pool.tasks[1]); /* or this worker would never read EOF */
    while (read(pool.tasks[0], &fails, 1) == 1) {
        nap(1);
        struct result r = { fails, getpid(), getppid() };
        check(write(pool.results[1], &r, sizeof r), "write");
    }
    return 0;
}

static void pool_start(void)
{
    pool.closed = false;
    pool.pending = 0;
    check(pipe(pool.tasks), "pipe");
    check(pipe(pool.results), "pipe");
    for (int i = 0; i < WORKERS; i++)
        pool.workers[i] = create_process(work);
    close(pool.tasks[0]);
    close(pool.results[1]);
}

static void apply_async(bool fails)
{
    check(write(pool.tasks[1], &(char){ fails }, 1), "write");
    pool.pending++;
}

/* Wait for the next result, and call the callback: in the parent. Returns
   false when no worker can send another one. */
static bool read_result(void)
{
    struct result r;
    if (read(pool.results[0], &r, sizeof r) != sizeof r)
        return false;
    pool.pending--;
    (r.failed ? pool.on_error : pool.on_result)(&r);
    return true;
}

static void apply(bool fails)
{
    apply_async(fails);
    read_result();
}

static void pool_close(void)
{
    pool.closed = true;
    close(pool.tasks[1]);
}

/* Returns false if the pool is not closed: the workers would never end. */
static bool pool_join(void)
{
    if (!pool.closed)
        return false;
    while (pool.pending > 0 && read_result())
        continue;
    for (int i = 0; i < WORKERS; i++)
        join_process(pool.workers[i]);
    close(pool.results[0]);
    return true;
}

/* A Python program does this at its end if it has not joined the pool. */
static void pool_terminate(void)
{
    for (int i = 0; i < WORKERS; i++)
        kill(pool.workers[i], SIGTERM);
    pool_close();
    pool_join();
}

static pid_t parent;
static struct {
    double begin; /* now() at the start of the pool */
    int results, in_parent, by_children, errors;
    int pids; /* different ones */
    pid_t seen[WORKERS + 1];
} counts;

static void count_result(const struct result *r)
{
    int i = 0;
    while (i < counts.pids && counts.seen[i] != r->worker)
        i++;
    if (i == counts.pids && i <= WORKERS)
        counts.seen[counts.pids++] = r->worker;
    counts.results++;
    counts.in_parent += getpid() == parent;
    counts.by_children += r->parent_of_worker == parent;
}

static void count_error(const struct result *unused)
{
    (void)unused;
    counts.errors++;
}

/* Start a pool, and give it all tasks. */
static void start(void (*method)(bool), bool fail)
{
    memset(&counts, 0, sizeof counts);
    counts.begin = now();
    pool_start();
    for (int i = 0; i < TASKS; i++)
        method(fail);
}

static void print_work(const char *method)
{
    printf("%s: %d tasks, %.0f s, by %d processes\n", method, TASKS,
           now() - counts.begin, counts.pids);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    parent = getpid();
    pool.on_result = count_result;
    pool.on_error = count_error;

    start(apply, false);
    pool_close();
    pool_join();
    print_work("apply");

    start(apply_async, false);
    if (!pool_join())
        puts("join before close: refused, the pool is still running");
    pool_close();
    pool_join();
    print_work("apply_async");
    printf("callbacks: %d, of them in the parent %d; for its children %d\n",
           counts.results, counts.in_parent, counts.by_children);

    start(apply_async, true);
    pool_close();
    pool_join();
    printf("tasks that fail: %d, callbacks %d, error callbacks %d\n", TASKS,
           counts.results, counts.errors);

    start(apply_async, false);
    pool_terminate();
    printf("no join: %d of %d done\n", counts.results, TASKS);
}
