/*
 * 08b-switch: from any function to any other, and from deep inside of it.
 *
 *     make 08b
 *
 * co_switch() names who goes on. Nobody is above: test1 and test2 hand over
 * to each other, and main() has its turn again when one of them has ended.
 * The third pair switches out of fifty calls, and is still in them when it
 * comes back: that takes a stack of its own. A generator, of Python say, has
 * only one frame, and can yield from that alone.
 * Switched by hand, that is all; who waits for what nobody knows here.
 * The notes: 二.greenlet, greenlet 模块.
 *
 *     56 12 78 34
 *     A1 B1 A2 B2
 *     down 50 calls, switch, and up 50 calls again
 */
#include "../co.h"

#include <err.h>
#include <stdio.h>

enum { DEPTH = 50 };

static struct co *gr1, *gr2;

static struct co *start(const char *name, void *(*run)(void *))
{
    struct co *co = co_new(name, run);
    if (co == NULL)
        err(1, "co_new");
    return co;
}

static void *test1(void *value)
{
    printf("12 ");
    co_switch(gr2, NULL);
    printf("34\n");
    co_switch(gr2, NULL);
    return value; /* we are not let on any more */
}

static void *test2(void *value)
{
    printf("56 ");
    co_switch(gr1, NULL);
    printf("78 ");
    co_switch(gr1, NULL);
    return value; /* to main() */
}

static void *a(void *value)
{
    printf("A1 ");
    co_switch(gr2, NULL);
    printf("A2 ");
    co_switch(gr2, NULL);
    return value;
}

static void *b(void *value)
{
    printf("B1 ");
    co_switch(gr1, NULL);
    printf("B2\n");
    return value;
}

/* Returns how many calls it has come back from. */
static int down(int calls)
{
    if (calls > 0)
        return down(calls - 1) + 1;
    co_yield(NULL);
    return 0;
}

static void *dive(void *up)
{
    *(int *)up = down(DEPTH);
    return NULL;
}

int main(void)
{
    gr1 = start("test1", test1);
    gr2 = start("test2", test2);
    co_switch(gr2, NULL);
    co_free(gr1);
    co_free(gr2);

    gr1 = start("a", a);
    gr2 = start("b", b);
    co_switch(gr1, NULL);
    co_free(gr1);
    co_free(gr2);

    int up = 0;
    struct co *diver = start("diver", dive);
    co_resume(diver, &up);
    printf("down %d calls, switch, and up ", DEPTH);
    co_resume(diver, NULL);
    printf("%d calls again\n", up);
    co_free(diver);
}
