/*
 * 02e-retry: what to do after EAGAIN? Three tries, endless tries, or waiting.
 *
 *     make 02e     or:  02-nonblocking/steps/02e-retry [-s SECONDS (0.2)]
 *
 * Question: The answer comes after 200 ms. recv() does not block, and a
 * program calls it three times. When has the third try failed?
 * EAGAIN is not a fault that may pass: it means "not yet". poll() sleeps until
 * there are bytes. (A child sends the answer after SECONDS.)
 * The notes: 重试机制 (项目里面重试机制为啥一般都是3次?).
 *
 *     the answer comes after 200 ms      recv()  returns     after       CPU
 *     three tries, at once                   3  EAGAIN      0.1 ms    0.0 ms
 *     tries until it is there           564180  5 bytes   200.1 ms  199.0 ms
 */
#include <poll.h>
#include <sys/wait.h>
#include "step.h"

static char answer[100];
static long tries; /* calls of recv() */

static ssize_t try(int fd)
{
    tries++;
    return recv(fd, answer, sizeof answer, 0);
}

/* Four ways to get the answer. Each returns what its last recv() returned. */

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
        continue;
    return n;
}

static ssize_t with_a_pause(int fd)
{
    ssize_t n;
    while ((n = try(fd)) < 0 && errno == EAGAIN)
        nap(0.4);
    return n;
}

static ssize_t with_poll(int fd)
{
    ssize_t n;
    while ((n = try(fd)) < 0 && errno == EAGAIN)
        poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
    return n;
}

static void row(const char *name, ssize_t (*get)(int fd))
{
    int ends[2];
    char result[100];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    if (check(fork(), "fork") == 0) {
        nap(1);
        _exit(send(ends[1], "hello", 5, 0) != 5);
    }
    tries = 0;
    double time = now_ms(), cpu = cpu_ms();
    ssize_t n = get(ends[0]);
    snprintf(result, sizeof result, "%zd bytes", n);
    time = now_ms() - time;
    cpu = cpu_ms() - cpu;
    printf("%-32s %7ld  %-7s %7.1f ms %6.1f ms\n", name, tries,
           n >= 0 ? result : errno == EAGAIN ? "EAGAIN" : strerror(errno),
           time, cpu);
    wait(NULL);
    close(ends[0]);
    close(ends[1]);
}

int main(int argc, char **argv)
{
    char pause_name[100];
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    printf("the answer comes after %3.0f ms      recv()  returns     after"
           "       CPU\n", step.second * 1000);
    row("three tries, at once", three_times);
    row("tries until it is there", without_end);
    snprintf(pause_name, sizeof pause_name, "... with a pause, %.0f ms",
             step.second * 400);
    row(pause_name, with_a_pause);
    row("one try, poll(), one more", with_poll);
}
