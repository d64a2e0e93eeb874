/*
 * 08a-yield: a function that stops in the middle, and goes on later.
 *
 *     make 08a
 *     08-coroutines/steps/08a-yield [-s SECONDS of a nap (0.2)]
 *
 * Question: Two coroutines and their producer. In a round each consumer naps
 * once, and so does the producer. How many naps long is a round?
 * Look at consumer(). co_resume() runs it up to its next co_yield(), which
 * stops it. The value that co_resume() passes is what co_yield() returns when
 * the consumer goes on. So functions take turns, and each one keeps its
 * variables. The first co_resume() calls the function, and its value is the
 * function's argument.
 * But a nap() makes the process sleep, so all of them wait. 08c mends that.
 * In the last line, coroutine A and main(), which is B, pass a number to and
 * fro: each one prints it, adds 1 and passes it on.
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
#include "step.h"

enum { ROUNDS = 2, LAST_COUNT = 5, NO_MORE = -1 };

static struct co *c1, *c2;

static void *consumer(void *name)
{
    intptr_t baozi;
    printf("%s: ready to eat baozi\n", (char *)name);
    while ((baozi = (intptr_t)co_yield(NULL)) != NO_MORE) {
        printf("%s: eats baozi %d\n", (char *)name, (int)baozi);
        nap(1);
    }
    return "has eaten";
}

static void producer(void)
{
    co_resume(c1, "c1"); /* up to the first co_yield() */
    co_resume(c2, "c2");
    double begin = now();
    for (intptr_t n = 0; n < 2 * ROUNDS; n += 2) {
        nap(1);
        printf("producer: makes baozi %d and %d\n", (int)n, (int)n + 1);
        co_resume(c1, (void *)n);
        co_resume(c2, (void *)(n + 1));
    }
    printf("a round took %.1f naps: one after the other\n",
           (now() - begin) / ROUNDS);
    printf("c1 %s, ", (char *)co_resume(c1, (void *)(intptr_t)NO_MORE));
    printf("and has %s\n", co_ended(c1) ? "ended" : "yielded");
}

/* A's function; print_b() resumes it. */
static void *print_a(void *count)
{
    while ((intptr_t)count < LAST_COUNT) {
        printf("A %d, ", (int)(intptr_t)count);
        count = co_yield((void *)((intptr_t)count + 1));
    }
    return NULL;
}

/* COUNT is the first number that A has passed. */
static void print_b(void *count)
{
    while ((intptr_t)count < LAST_COUNT) {
        printf("B %d, ", (int)(intptr_t)count);
        count = co_resume(c1, (void *)((intptr_t)count + 1));
    }
    printf("B %d\n", (int)(intptr_t)count);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS of a nap (0.2)]");
    c1 = make_co("c1", consumer);
    c2 = make_co("c2", consumer);
    producer();
    co_free(c1);
    co_free(c2); /* it has yielded, to get a baozi; the rest never runs */

    c1 = make_co("A", print_a);
    print_b(co_resume(c1, (void *)0));
    co_free(c1);
}
