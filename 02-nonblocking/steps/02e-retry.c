/*
 * 02e-retry: EAGAIN, and now? Three tries, tries without end, or waiting.
 *
 *     make 02e     or:  02-nonblocking/steps/02e-retry [-s SECONDS (0.2)]
 *
 * SECONDS is how long the answer takes to come; each row asks a new child for
 * one. Look at how soon three tries are over: EAGAIN is no fault that might
 * pass, it means "not yet", and says not until when. poll() knows: it sleeps
 * until something is there, and the next recv() gets it.
 * The notes: 重试机制 (项目里面重试机制为啥一般都是3次?).
 *
 *     the answer comes after 200 ms      recv()  returns     after       CPU
 *     three tries, at once                   3  EAGAIN      0.1 ms    0.0 ms
 *     tries until it is there           564180  5 bytes   200.1 ms  199.0 ms
 *     ... with a pause, 80 ms                4  5 bytes   240.3 ms    0.1 ms
 *     one try, poll(), one more              2  5 bytes   203.5 ms    0.1 ms
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double second = 0.2;
static char answer[100];
static long tries; /* calls of recv() */

static double ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Each returns what the last recv() has returned. */
static ssize_t try(int fd)
{
    tries++;
    return recv(fd, answer, sizeof answer, 0);
}

static ssize_t three_times(int fd)
{
    ssize_t n = -1;
    for (int i = 0; i < 3 && n < 0; i++)
        n = try(fd);
    return n;
}

static ssize_t without_end(int fd)
{
    ssize_t n;
    while ((n = try(fd)) < 0 && errno == EAGAIN)
        ;
    return n;
}

static ssize_t with_a_pause(int fd)
{
    ssize_t n;
    while ((n = try(fd)) < 0 && errno == EAGAIN)
        usleep((useconds_t)(0.4 * second * 1e6));
    return n;
}

static ssize_t waiting(int fd)
{
    ssize_t n;
    while ((n = try(fd)) < 0 && errno == EAGAIN)
        poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
    return n;
}

static void row(const char *name, ssize_t (*get)(int fd))
{
    int ends[2];
    char text[100];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        err(1, "socketpair");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0) { /* it thinks, and answers */
        usleep((useconds_t)(second * 1e6));
        _exit(send(ends[1], "hello", 5, 0) != 5);
    }

    tries = 0;
    double time = ms(CLOCK_MONOTONIC), cpu = ms(CLOCK_PROCESS_CPUTIME_ID);
    ssize_t n = get(ends[0]);
    snprintf(text, sizeof text, "%zd bytes", n);
    time = ms(CLOCK_MONOTONIC) - time;
    cpu = ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%-32s %7ld  %-7s %7.1f ms %6.1f ms\n", name, tries,
           n >= 0 ? text : errno == EAGAIN ? "EAGAIN" : strerror(errno), time,
           cpu);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

int main(int argc, char **argv)
{
    char pause[100];
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);

    printf("the answer comes after %3.0f ms      recv()  returns     after"
           "       CPU\n", second * 1000);
    row("three tries, at once", three_times);
    row("tries until it is there", without_end);
    snprintf(pause, sizeof pause, "... with a pause, %.0f ms", second * 400);
    row(pause, with_a_pause);
    row("one try, poll(), one more", waiting);
}
