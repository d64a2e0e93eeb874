/*
 * 08c-sleep: a coroutine that sleeps lets the others go on, by itself.
 *
 *     make 08c
 *     08-coroutines/steps/08c-sleep [-s SECONDS that "1 s" takes (0.2)]
 *
 * Question: main() spawns a coroutine that sleeps for 1 s, lets it begin, and
 * returns. Does the coroutine print its last line?
 * Look at co_sleep(), in func(): only this coroutine sleeps, and the scheduler
 * switches to one that is ready. So two sleeps overlap, and both are over
 * after the longer one.
 * co_spawn() runs nothing: it puts the coroutine into a queue. The coroutine
 * first runs when main() waits, here in a join. Without a join (the last two
 * lines) func1 does not end: main() returns first, and that ends the process.
 * The notes: gevent 模块.
 *
 *     func1 begins
 *     func2 begins
 *     func2 ends, after 1.0 s
 *     func1 ends, after 2.0 s
 *     ... once more, joined one by one
 *     10000 sleep for 1 s: all awake after 1.1 s, 4.0 KiB each
 *     func1 begins
 *     main returns
 */
#include "../co.h"
#include "step.h"

enum { MANY = 10000 };

static struct co *c1, *c2;
static double begin;

static void *func(void *seconds)
{
    const char *name = co_name(co_self());
    printf("%s begins\n", name);
    co_sleep((double)(intptr_t)seconds * step.second);
    printf("%s ends, after %.1f s\n", name, now() - begin);
    return NULL;
}

static void *sleep_1_s(void *unused)
{
    co_sleep(step.second);
    return unused;
}

/* How much memory this process uses, in KiB; 0: the system does not say. */
static double resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (double)(pages * (sysconf(_SC_PAGESIZE) / 1024));
}

static void run_many(void)
{
    double before = resident_kib();
    for (int i = 0; i < MANY; i++)
        spawn("one of many", sleep_1_s, NULL);
    begin = now();
    co_pause(); /* when it returns, each one has run and sleeps */
    double each = (resident_kib() - before) / MANY;
    co_join_all();
    printf("%d sleep for 1 s: all awake after %.1f s, %.1f KiB each\n", MANY,
           now() - begin, each);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS that \"1 s\" takes (0.2)]");
    begin = now();
    spawn("func1", func, (void *)2);
    spawn("func2", func, (void *)1);
    co_join_all(); /* gevent.joinall() */

    begin = now();
    c1 = spawn("func1", func, (void *)2);
    c2 = spawn("func2", func, (void *)1);
    co_join(c1); /* meanwhile func2 runs, and ends */
    co_join(c2);

    run_many();

    spawn("func1", func, (void *)1);
    co_pause();
    printf("main returns\n");
}
