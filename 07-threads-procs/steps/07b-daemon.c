/*
 * 07b-daemon: which threads the end of main() cuts off.
 *
 *     make 07b  or:  07-threads-procs/steps/07b-daemon [-s SECONDS (0.2)]
 *
 * Question: A thread is detached, and main() returns while it works. Does the
 * thread go on?
 * In Python the end of the process waits for all threads but the daemon
 * threads. In C it waits for none: main() must join each thread that has to
 * finish. Look at the threads that print no "Ending". The second case is the
 * notes' own. It cannot show what a daemon thread is, because Alex ends before
 * egon does. The last case shows that pthread_detach() makes no difference:
 * the end of main() cuts off a detached thread, too.
 * The notes: setDaemon(True).
 *
 *     both are daemons
 *      0.0 s  Begin Alex
 *      0.0 s  Begin egon
 *      1.0 s  end..
 *     ...
 *     egon, 5 s, is a daemon
 *      ...
 *      3.0 s  Ending Alex
 *      3.0 s  end..
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

static void both_are_daemons(void)
{
    create_thread(music, "Alex");
    create_thread(blog, "egon");
    nap(1); /* or main() would end before they begin */
    print_line("end..");
}

static void alex_is_a_daemon(void)
{
    create_thread(music, "Alex");
    pthread_t egon = create_thread(blog, "egon");
    pthread_join(egon, NULL);
    print_line("end..");
}

static void egon_is_a_daemon(void)
{
    pthread_t alex = create_thread(music, "Alex");
    create_thread(blog, "egon");
    pthread_join(alex, NULL);
    print_line("end..");
}

static void egon_is_detached(void)
{
    pthread_t alex = create_thread(music, "Alex");
    pthread_t egon = create_thread(blog, "egon");
    pthread_detach(egon);
    pthread_join(alex, NULL);
    print_line("end..");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    run_case("both are daemons", both_are_daemons);
    run_case("Alex, 3 s, is a daemon", alex_is_a_daemon);
    run_case("egon, 5 s, is a daemon", egon_is_a_daemon);
    run_case("egon is detached", egon_is_detached);
}
