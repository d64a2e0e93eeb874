/*
 * 07n-pool: five processes for ten tasks.
 *
 *     make 07n  or:  07-threads-procs/steps/07n-pool [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts; each task takes one. Workers
 * are started once and take task after task from a pipe: it is tasks that
 * wait, not processes. apply() waits for its result, apply_async() does not;
 * the callback runs in the parent, when it reads the result. Look at close():
 * it ends the pipe of tasks, and that is what ends the workers; join() without
 * it would wait for ever. A task that fails calls no callback, and nobody
 * hears of it who does not ask; and whoever does not join loses the tasks.
 * The notes: 进程池.
 *
 *     apply: 10 tasks, 10 s, by 5 processes
 *     join before close: refused, the pool is still running
 *     apply_async: 10 tasks, 2 s, by 5 processes
 *     callbacks: 10, of them in the parent 10; from its children 10
 *     tasks that fail: 10, callbacks 0, error callbacks 10
 *     no join: 0 of 10 done
 */
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 5, TASKS = 10 };

struct task {
    int argument;
    bool fails;
};

struct result {
    int argument;
    bool failed;
    pid_t worker, its_parent;
};

struct pool {
    int tasks[2], results[2]; /* pipes; what goes through is below PIPE_BUF,
                                 so it comes in one piece */
    pid_t workers[WORKERS];
    bool closed;
    int pending; /* tasks without a result yet */
    void (*callback)(const struct result *);
    void (*error_callback)(const struct result *);
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

/* -------------------------------------------------------------- the pool */

/* A worker: task after task, until their pipe has ended. */
static _Noreturn void work(struct pool *p)
{
    struct task t;
    close(p->tasks[1]);
    while (read(p->tasks[0], &t, sizeof t) == sizeof t) {
        nap(1);
        struct result r = { t.argument, t.fails, getpid(), getppid() };
        if (write(p->results[1], &r, sizeof r) != sizeof r)
            _exit(1);
    }
    _exit(0);
}

static void pool_start(struct pool *p)
{
    *p = (struct pool){ .closed = false };
    if (pipe(p->tasks) < 0 || pipe(p->results) < 0)
        err(1, "pipe");
    for (int i = 0; i < WORKERS; i++) {
        p->workers[i] = fork();
        if (p->workers[i] < 0)
            err(1, "fork");
        if (p->workers[i] == 0)
            work(p);
    }
    close(p->tasks[0]);
    close(p->results[1]);
}

static void apply_async(struct pool *p, int argument, bool fails)
{
    struct task t = { argument, fails };
    if (write(p->tasks[1], &t, sizeof t) != sizeof t)
        err(1, "write");
    p->pending++;
}

/* Wait for the next result, and call back: this is the parent. */
static bool take_result(struct pool *p, struct result *r)
{
    if (read(p->results[0], r, sizeof *r) != sizeof *r)
        return false;
    p->pending--;
    if (!r->failed && p->callback != NULL)
        p->callback(r);
    if (r->failed && p->error_callback != NULL)
        p->error_callback(r);
    return true;
}

static struct result apply(struct pool *p, int argument)
{
    struct result r = { .failed = true };
    apply_async(p, argument, false);
    take_result(p, &r);
    return r;
}

static void pool_close(struct pool *p)
{
    p->closed = true;
    close(p->tasks[1]);
}

/* False: it is not closed, and the workers would never end. */
static bool pool_join(struct pool *p)
{
    struct result r;
    if (!p->closed)
        return false;
    while (p->pending > 0 && take_result(p, &r))
        ;
    for (int i = 0; i < WORKERS; i++)
        waitpid(p->workers[i], NULL, 0);
    close(p->results[0]);
    return true;
}

/* What the end of a Python program does with a pool that nobody joined. */
static void pool_terminate(struct pool *p)
{
    for (int i = 0; i < WORKERS; i++)
        kill(p->workers[i], SIGTERM);
    pool_close(p);
    pool_join(p);
}

/* ---------------------------------------------------------- what it does */

static int called_back, called_in_parent, of_children, errors_told;
static pid_t seen[WORKERS * 2];
static int pids; /* different ones, seen */
static pid_t parent;

static void note(const struct result *r)
{
    int i = 0;
    while (i < pids && seen[i] != r->worker)
        i++;
    if (i == pids && pids < WORKERS * 2)
        seen[pids++] = r->worker;
    called_back++;
    called_in_parent += getpid() == parent;
    of_children += r->its_parent == parent;
}

static void note_error(const struct result *r)
{
    (void)r;
    errors_told++;
}

static void use_apply(struct pool *p)
{
    double begin = now();
    pids = 0;
    pool_start(p);
    p->callback = note;
    for (int i = 0; i < TASKS; i++)
        apply(p, i);
    printf("apply: %d tasks, %.0f s, by %d processes\n", TASKS,
           now() - begin, pids);
    pool_close(p);
    pool_join(p);
}

static void use_apply_async(struct pool *p)
{
    double begin = now();
    pids = called_back = called_in_parent = of_children = 0;
    pool_start(p);
    p->callback = note;
    for (int i = 0; i < TASKS; i++)
        apply_async(p, i, false);
    if (!pool_join(p))
        puts("join before close: refused, the pool is still running");
    pool_close(p);
    pool_join(p);
    printf("apply_async: %d tasks, %.0f s, by %d processes\n", TASKS,
           now() - begin, pids);
    printf("callbacks: %d, of them in the parent %d; from its children %d\n",
           called_back, called_in_parent, of_children);
}

static void fail(struct pool *p)
{
    called_back = 0;
    pool_start(p);
    p->callback = note;
    p->error_callback = note_error;
    for (int i = 0; i < TASKS; i++)
        apply_async(p, i, true);
    pool_close(p);
    pool_join(p);
    printf("tasks that fail: %d, callbacks %d, error callbacks %d\n", TASKS,
           called_back, errors_told);
}

static void do_not_join(struct pool *p)
{
    called_back = 0;
    pool_start(p);
    p->callback = note;
    for (int i = 0; i < TASKS; i++)
        apply_async(p, i, false);
    pool_terminate(p);
    printf("no join: %d of %d done\n", called_back, TASKS);
}

int main(int argc, char **argv)
{
    struct pool pool;
    take_options(argc, argv);
    parent = getpid();
    use_apply(&pool);
    use_apply_async(&pool);
    fail(&pool);
    do_not_join(&pool);
}
