/*
 * 08c-sleep: whoever waits hands over by itself.
 *
 *     make 08c
 *     08-coroutines/steps/08c-sleep [-s SECONDS (0.2): one of the notes']
 *
 * co_spawn() starts nothing: it puts a coroutine into the queue, and it runs
 * when main() waits, here in a join. co_sleep() looks like sleep(), but who
 * is ready goes on; so sleeps overlap, and the longest decides.
 * Whoever is not joined does not run to its end, for with main() all is over.
 * The notes: gevent 模块.
 *
 *     func1 begins
 *     func2 begins
 *     func2 ends, after 1.0 s
 *     func1 ends, after 2.0 s
 *     ... once more, joined one by one
 *     10000 sleep for 1 s: all up after 1.1 s, 4.0 KiB each
 *     func1 begins
 *     main returns
 */
#include "../co.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 10000 };

static double second = 0.2, begin;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *func(void *seconds)
{
    const char *name = co_name(co_self());
    printf("%s begins\n", name);
    co_sleep(*(double *)seconds * second);
    printf("%s ends, after %.1f s\n", name, (now() - begin) / second);
    return NULL;
}

static void *silent(void *seconds)
{
    co_sleep(*(double *)seconds * second);
    return NULL;
}

static struct co *spawn(const char *name, void *(*run)(void *), double *arg)
{
    struct co *co = co_spawn(name, run, arg);
    if (co == NULL)
        err(1, "co_spawn");
    return co;
}

/* KiB in memory (resident); 0: this system does not tell so. */
static double resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (double)(pages * (sysconf(_SC_PAGESIZE) / 1024));
}

int main(int argc, char **argv)
{
    double one = 1, two = 2;
    if (argc > 1 && (argc != 3 || (second = atof(argv[2])) <= 0))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);

    begin = now();
    spawn("func1", func, &two);
    spawn("func2", func, &one);
    co_join_all(); /* gevent.joinall() */

    begin = now();
    struct co *f1 = spawn("func1", func, &two);
    struct co *f2 = spawn("func2", func, &one);
    co_join(f1); /* meanwhile, f2 runs and ends */
    co_join(f2);

    double before = resident();
    for (int i = 0; i < MANY; i++)
        spawn("one of many", silent, &one);
    begin = now();
    co_pause(); /* each one runs until it sleeps */
    double each = (resident() - before) / MANY;
    co_join_all();
    printf("%d sleep for 1 s: all up after %.1f s, %.1f KiB each\n", MANY,
           (now() - begin) / second, each);

    spawn("func1", func, &one);
    co_pause();
    printf("main returns\n");
}
