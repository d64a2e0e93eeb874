/*
 * 08b-switch: from any function to any other one, also out of fifty calls.
 *
 *     make 08b
 *
 * Question: main() starts test2, which prints 56 and 78; test1 prints 12 and
 * 34. Each one switches to the other after each number. Which one is third?
 * Look at test1() and test2(). co_switch() names the coroutine that goes on;
 * neither of the two is the caller of the other. When one of them ends, main()
 * goes on. (In 08c a scheduler chooses the coroutine that goes on.)
 * dive() stops inside fifty calls, and is still inside them when it goes on.
 * So it needs a stack of its own. A Python generator keeps the variables of
 * one function, and only that function itself can yield.
 * The notes: 二.greenlet, greenlet 模块.
 *
 *     56 12 78 34
 *     A1 B1 A2 B2
 *     down 50 calls, switch, and up 50 calls again
 */
#include "../co.h"
#include "step.h"

enum { LAST_COUNT = 2, DEPTH = 50 };

static struct co *c1, *c2;

static void *test1(void *unused)
{
    printf("12 ");
    co_switch(c2, NULL);
    printf("34\n");
    co_switch(c2, NULL);
    return unused; /* never reached: test2 ends and does not switch back */
}

static void *test2(void *unused)
{
    printf("56 ");
    co_switch(c1, NULL);
    printf("78 ");
    co_switch(c1, NULL);
    return unused; /* then main() goes on */
}

static void *print_a(void *count)
{
    while ((intptr_t)count <= LAST_COUNT) {
        printf("A%d ", (int)(intptr_t)count);
        count = co_switch(c2, count);
    }
    return NULL;
}

static void *print_b(void *count)
{
    while ((intptr_t)count <= LAST_COUNT) {
        printf("B%d%c", (int)(intptr_t)count,
               (intptr_t)count < LAST_COUNT ? ' ' : '\n');
        count = co_switch(c1, (void *)((intptr_t)count + 1));
    }
    return NULL;
}

/* It calls itself CALLS times, and yields in the innermost call. Returns how
   many of the calls have returned. */
static int down(int calls)
{
    if (calls > 0)
        return down(calls - 1) + 1;
    co_yield(NULL);
    return 0;
}

static void *dive(void *calls)
{
    return (void *)(intptr_t)down((int)(intptr_t)calls);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "");
    c1 = make_co("test1", test1);
    c2 = make_co("test2", test2);
    co_switch(c2, NULL);
    co_free(c1);
    co_free(c2);

    c1 = make_co("A", print_a);
    c2 = make_co("B", print_b);
    co_switch(c1, (void *)1);
    co_free(c1);
    co_free(c2);

    c1 = make_co("diver", dive);
    co_resume(c1, (void *)DEPTH);
    printf("down %d calls, switch, and up ", DEPTH);
    printf("%d calls again\n", (int)(intptr_t)co_resume(c1, NULL));
    co_free(c1);
}
