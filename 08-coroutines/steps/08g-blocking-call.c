/*
 * 08g-blocking-call: one call that sleeps in the kernel stops all coroutines.
 *
 *     make 08g
 *     08-coroutines/steps/08g-blocking-call [-s SECONDS of a nap (0.2)]
 *
 * Question: Five coroutines each let a helper process sleep for one nap, and
 * wait for its answer in epoll_wait(). How many naps does that take?
 * Look at let_helper_sleep(). Five coroutines sleep for one nap each.
 * nanosleep() knows nothing of coroutines: the thread sleeps, so none of the
 * five can go on, and they sleep one after the other. The cure is a call that
 * lets the others go on, here co_sleep(). For some calls there is none: a
 * read() of a file, getaddrinfo(), a function of a library that you cannot
 * change. Then a helper makes the call, here a process, and the coroutine
 * waits for a socket until the call has returned.
 * The notes: 协程的缺点.
 *
 *     5 x nanosleep()               5.0 naps
 *     5 x co_sleep()                1.0 naps
 *     5 x nanosleep() by a helper   1.0 naps
 */
#include "../co.h"
#include "step.h"
#include <sys/socket.h>
#include <sys/wait.h>

enum { COROUTINES = 5 };

static void *sleep_in_kernel(void *unused)
{
    nap(1); /* nanosleep() */
    return unused;
}

static void *sleep_in_scheduler(void *unused)
{
    co_sleep(step.second);
    return unused;
}

static void *let_helper_sleep(void *unused)
{
    int ends[2]; /* of the socket pair: ours, and the helper's */
    char byte;
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    pid_t helper = check(fork(), "fork");
    if (helper == 0) {
        sleep_in_kernel(NULL);
        _exit(0); /* the kernel closes its end of the socket */
    }
    close(ends[1]);
    if (co_recv(ends[0], &byte, 1, 0) != 0) /* waits for the end of file */
        err(1, "co_recv");
    co_close(ends[0]);
    waitpid(helper, NULL, 0); /* it hardly sleeps: the helper is ending */
    return unused;
}

static void measure(const char *title, void *(*run)(void *))
{
    double begin = now();
    run_coroutines(COROUTINES, run);
    printf("%-27s %5.1f naps\n", title, now() - begin);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS of a nap (0.2)]");
    measure("5 x nanosleep()", sleep_in_kernel);
    measure("5 x co_sleep()", sleep_in_scheduler);
    measure("5 x nanosleep() by a helper", let_helper_sleep);
}
