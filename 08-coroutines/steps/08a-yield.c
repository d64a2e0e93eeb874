/*
 * 08a-yield: a function that stops in the middle, and takes and gives values.
 *
 *     make 08a
 *     08-coroutines/steps/08a-yield [-s SECONDS (0.2): one of the notes']
 *
 * co_resume() lets a coroutine run as far as its next co_yield(), which hands
 * something out and, when it goes on, has got something. So two functions can
 * take turns, each with its variables as they were. The first co_resume() is
 * different: there is no co_yield() yet that could take its value, so it is
 * the function's argument.
 * But who naps here naps for all: the process sleeps. 08c-sleep mends it.
 * The notes: 一.yield的简单实现, yield.
 *
 *     c1: ready to eat baozi
 *     c2: ready to eat baozi
 *     producer: makes baozi 0 and 1
 *     c1: eats baozi 0
 *     c2: eats baozi 1
 *     ...
 *     a round took 3.0 naps: one after the other
 *     c1 has eaten, and has ended
 *     A 0, B 1, A 2, B 3, A 4, B 5
 */
#include "../co.h"

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 2, LAST_COUNT = 5, NO_MORE = -1 };

static double second = 0.2; /* how long one of the notes' lasts */

static void nap(void)
{
    usleep((useconds_t)(second * 1e6));
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct co *start(const char *name, void *(*run)(void *))
{
    struct co *co = co_new(name, run);
    if (co == NULL)
        err(1, "co_new");
    return co;
}

static void *consumer(void *name)
{
    printf("%s: ready to eat baozi\n", (char *)name);
    intptr_t baozi;
    while ((baozi = (intptr_t)co_yield(NULL)) != NO_MORE) {
        printf("%s: eats baozi %d\n", (char *)name, (int)baozi);
        nap();
    }
    return "has eaten";
}

/* It gives count + 1, and gets what the other one has made of it. */
static void *count_on(void *first)
{
    intptr_t count = (intptr_t)first;
    while (count < LAST_COUNT) {
        printf("A %d, ", (int)count);
        count = (intptr_t)co_yield((void *)(count + 1));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || (second = atof(argv[2])) <= 0))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);

    struct co *c1 = start("c1", consumer), *c2 = start("c2", consumer);
    co_resume(c1, "c1"); /* as far as the first co_yield() */
    co_resume(c2, "c2");
    double begin = now();
    for (intptr_t n = 0; n < 2 * ROUNDS; n += 2) {
        nap();
        printf("producer: makes baozi %d and %d\n", (int)n, (int)n + 1);
        co_resume(c1, (void *)n);
        co_resume(c2, (void *)(n + 1));
    }
    printf("a round took %.1f naps: one after the other\n",
           (now() - begin) / second / ROUNDS);

    printf("c1 %s, ", (char *)co_resume(c1, (void *)(intptr_t)NO_MORE));
    printf("and has %s\n", co_ended(c1) ? "ended" : "yielded");

    struct co *a = start("A", count_on);
    intptr_t count = (intptr_t)co_resume(a, (void *)0);
    while (count < LAST_COUNT) {
        printf("B %d, ", (int)count);
        count = (intptr_t)co_resume(a, (void *)(count + 1));
    }
    printf("B %d\n", (int)count);

    co_free(c1);
    co_free(c2); /* it still waits for baozi, */
    co_free(a);  /*     and this one for a count */
}
