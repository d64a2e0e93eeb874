/*
 * 07a-threads: two threads; what pthread_join() and the end of main() do.
 *
 *     make 07a  or:  07-threads-procs/steps/07a-threads [-s SECONDS (0.2)]
 *
 * Question: main() returns after 3 s. Another thread of the process has work
 * for 5 s. Does this thread print its last line?
 * pthread_join() blocks the thread that calls it until the other thread has
 * ended. No other thread waits. Look at the place of "end....". At its end a
 * Python program waits for all its threads. In C the end of main() ends them
 * all. So here main() joins the other threads after "end....", except in the
 * last case. (pthread_exit() in main() would also do: it ends only the thread
 * that calls it.)
 * The notes: Thread类直接创建.
 *
 *     join both
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon    (or first egon, then Alex)
 *      3.0 s  Ending Alex
 *      5.0 s  Ending egon
 *      5.0 s  end....
 *     join the first
 *      ...
 *      3.0 s  Ending Alex
 *      3.0 s  end....
 *      5.0 s  Ending egon
 */
#include "step.h"

static void *music(void *name)
{
    print_line("Begin %s", (char *)name);
    nap(3);
    print_line("Ending %s", (char *)name);
    return NULL;
}

static void *blog(void *name)
{
    print_line("Begin %s", (char *)name);
    nap(5);
    print_line("Ending %s", (char *)name);
    return NULL;
}

static void join_both(void)
{
    pthread_t alex = create_thread(music, "Alex");
    pthread_t egon = create_thread(blog, "egon");
    pthread_join(alex, NULL);
    pthread_join(egon, NULL);
    print_line("end....");
}

static void join_first(void)
{
    pthread_t alex = create_thread(music, "Alex");
    pthread_t egon = create_thread(blog, "egon");
    pthread_join(alex, NULL);
    print_line("end....");
    pthread_join(egon, NULL);
}

static void join_none(void)
{
    pthread_t alex = create_thread(music, "Alex");
    pthread_t egon = create_thread(blog, "egon");
    print_line("end....");
    pthread_join(alex, NULL);
    pthread_join(egon, NULL);
}

static void join_first_and_end(void)
{
    pthread_t alex = create_thread(music, "Alex");
    create_thread(blog, "egon");
    pthread_join(alex, NULL);
    print_line("end....");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    run_case("join both", join_both);
    run_case("join the first", join_first);
    run_case("join none", join_none);
    run_case("join the first, and end", join_first_and_end);
}
