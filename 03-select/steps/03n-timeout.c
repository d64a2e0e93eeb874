/*
 * 03n-timeout: how long select() waits, and what it leaves in its timeout.
 *
 *     make 03n    or: 03-select/steps/03n-timeout [-s SECONDS (0.2)]
 *
 * Question: select() waits with a timeout of {1}, one second, and nothing
 * comes. The same struct is passed to a second select(). How long does this
 * one wait?
 * SECONDS is how long one second of the notes lasts. Look at "the same {1}
 * once more": Linux with glibc subtracts the time that select() has waited, so
 * nothing is left. Other systems do not, nor does musl: set the timeout before
 * each call.
 * The notes: select 方法.
 *
 *       {1}, nothing comes                0  after 1.0 s, 0.0 s left in it
 *       the same {1} once more            0  after 0.0 s, 0.0 s left in it
 *       {100}, a byte comes after 2       1  after 2.0 s, 98.0 s left in it
 */
#include "step.h"
#include <sys/select.h>

/* Start a child process that writes a byte into a pipe after 2 seconds. */
static void write_later(int fd)
{
    if (check(fork(), "fork") > 0)
        return;
    nap(2);
    _exit(write(fd, "x", 1) != 1);
}

/* Wait for a byte from a pipe; it comes after 2 seconds, or never. */
static void wait_for_byte(bool comes, const char *what,
                          struct timeval *timeout)
{
    int ends[2];
    check(pipe(ends), "pipe");
    if (comes)
        write_later(ends[1]);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    double start = now();
    int n = select(ends[0] + 1, &set, NULL, NULL, timeout);
    printf("  %-33s%2d  after %.1f s", what, n, now() - start);
    if (timeout != NULL)
        printf(", %.1f s left in it", ((double)timeout->tv_sec +
               (double)timeout->tv_usec / 1e6) / step.second);
    puts("");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    long us = (long)(step.second * 1e6);
    struct timeval one = { us / 1000000, us % 1000000 };
    struct timeval hundred = { 100 * us / 1000000, 100 * us % 1000000 };
    printf("The timeout, in {seconds}; each of them lasts %g s here\n",
           step.second);
    wait_for_byte(false, "{0}, nothing comes", &(struct timeval){ 0 });
    wait_for_byte(false, "{1}, nothing comes", &one);
    wait_for_byte(false, "the same {1} once more", &one);
    wait_for_byte(true, "{100}, a byte comes after 2", &hundred);
    wait_for_byte(true, "NULL, a byte comes after 2", NULL);
}
