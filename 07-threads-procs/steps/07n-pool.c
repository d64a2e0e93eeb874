/*
 * 07n-pool: five processes for ten tasks.
 *
 *     make 07n  or:  07-threads-procs/steps/07n-pool [-s SECONDS (0.2)]
 *
 * SECONDS: how long one second of the notes lasts; each task takes one. The
 * pool starts its workers once, and they read task after task from a pipe.
 * apply() waits for the result of its task, apply_async() does not. The parent
 * calls the callback when it reads the result. Look at close(): it closes the
 * pipe of the tasks, and at the end of file a worker exits. Without it join()
 * would wait for ever. Look also at a task that fails: it calls no callback,
 * so a program without an error callback never sees the error. A program that
 * does not join loses its tasks.
 * The notes: 进程池.
 *
 *     apply: 10 tasks, 10 s, by 5 processes
 *     join before close: refused, the pool is still running
 *     apply_async: 10 tasks, 2 s, by 5 processes
 *     callbacks: 10, of them in the parent 10; for its children 10
 *     tasks that fail: 10, callbacks 0, error callbacks 10
 *     no join: 0 of 10 done
 */
#include "step.h"

enum { WORKERS = 5, TASKS = 10 };

struct result {
    bool failed;
    pid_t worker, parent_of_worker;
};

typedef void callback(const struct result *);

static struct {
    int tasks[2];   /* a pipe. A task is one byte, 1: it is to fail. So each
                       read returns a whole task, though five workers read */
    int results[2]; /* a pipe. Five workers write: below PIPE_BUF a write is
                       not mixed with others. One process reads */
    pid_t workers[WORKERS];
    bool closed;
    int pending; /* tasks without a result yet */
    callback *on_result, *on_error;
} pool;

static int work(void)
{
    char fails;
    close(pool.tasks[1]); /* or this worker would never read EOF */
    while (read(pool.tasks[0], &fails, 1) == 1) {
        nap(1);
        struct result r = { fails, getpid(), getppid() };
        if (write(pool.results[1], &r, sizeof r) != sizeof r)
            return 1;
    }
    return 0;
}

static void pool_start(callback *on_result, callback *on_error)
{
    pool.on_result = on_result;
    pool.on_error = on_error;
    pool.closed = false;
    pool.pending = 0;
    if (pipe(pool.tasks) < 0 || pipe(pool.results) < 0)
        err(1, "pipe");
    for (int i = 0; i < WORKERS; i++)
        pool.workers[i] = create_process(work);
    close(pool.tasks[0]);
    close(pool.results[1]);
}

static void apply_async(bool fails)
{
    if (write(pool.tasks[1], &(char){ fails }, 1) != 1)
        err(1, "write");
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

static int callbacks, in_parent, by_children, error_callbacks;
static pid_t seen[WORKERS + 1]; /* different pids */
static int pids;
static pid_t parent;

static void count_result(const struct result *r)
{
    int i = 0;
    while (i < pids && seen[i] != r->worker)
        i++;
    if (i == pids && pids <= WORKERS)
        seen[pids++] = r->worker;
    callbacks++;
    in_parent += getpid() == parent;
    by_children += r->parent_of_worker == parent;
}

static void count_error(const struct result *unused)
{
    (void)unused;
    error_callbacks++;
}

static void start(void)
{
    pids = callbacks = in_parent = by_children = 0;
    pool_start(count_result, count_error);
}

static void apply_all_async(bool fail)
{
    for (int i = 0; i < TASKS; i++)
        apply_async(fail);
}

static void use_apply(void)
{
    double begin = now();
    start();
    for (int i = 0; i < TASKS; i++)
        apply(false);
    printf("apply: %d tasks, %.0f s, by %d processes\n", TASKS, now() - begin,
           pids);
    pool_close();
    pool_join();
}

static void use_apply_async(void)
{
    double begin = now();
    start();
    apply_all_async(false);
    if (!pool_join())
        puts("join before close: refused, the pool is still running");
    pool_close();
    pool_join();
    printf("apply_async: %d tasks, %.0f s, by %d processes\n", TASKS,
           now() - begin, pids);
    printf("callbacks: %d, of them in the parent %d; for its children %d\n",
           callbacks, in_parent, by_children);
}

static void use_tasks_that_fail(void)
{
    start();
    apply_all_async(true);
    pool_close();
    pool_join();
    printf("tasks that fail: %d, callbacks %d, error callbacks %d\n", TASKS,
           callbacks, error_callbacks);
}

static void use_without_join(void)
{
    start();
    apply_all_async(false);
    pool_terminate();
    printf("no join: %d of %d done\n", callbacks, TASKS);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    parent = getpid();
    use_apply();
    use_apply_async();
    use_tasks_that_fail();
    use_without_join();
}
