/*
 * 05b-level-edge: the same pipe, watched level-triggered and edge-triggered.
 *
 *     make 05b    or: 05-epoll/steps/05b-level-edge
 *
 * The notes' four events of a buffer: not empty, full, not full, empty. Look
 * at "asked again": a level is told as long as it lasts, an edge once. But a
 * further byte is an edge, too, though the pipe was not empty; so is MOD. In
 * the counts: to read until EAGAIN is what saves waits, not the edge.
 * The notes: 1、内核EPOLL模型讲解; 扩展:epoll的两种工作模式.
 *
 *                                              to read
 *     One pipe                              level   edge
 *       5 bytes come: NOT EMPTY                IN     IN
 *         asked again                          IN      -
 */
#ifndef __linux__
#error "05-epoll needs Linux; the lessons before it work on other systems too"
#endif
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MESSAGES = 100, SIZE = 10 /* bytes in a message */ };

static int in, out;           /* the pipe's ends */
static int level[2], edge[2]; /* four epolls, which watch in and out */

static int watch(int fd, uint32_t events)
{
    int epoll_fd = epoll_create1(0);
    struct epoll_event event = { .events = events, .data.fd = fd };
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        err(1, "epoll");
    return epoll_fd;
}

static int told(int epoll_fd)
{
    struct epoll_event event;
    int n = epoll_wait(epoll_fd, &event, 1, 0);
    if (n < 0)
        err(1, "epoll_wait");
    return n;
}

/* Ask all four, once each. */
static void look(const char *what)
{
    printf("  %-34s", what);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "IN" : "OUT";
        printf("%7s", told(level[i]) ? name : "-");
        printf("%7s", told(edge[i]) ? name : "-");
    }
    puts("");
}

/* Both return whether it went: there was room, there was something. */
static bool give(size_t length)
{
    static const char bytes[64 * 1024];
    ssize_t n = write(out, bytes, length);
    if (n < 0 && errno != EAGAIN)
        err(1, "write");
    return n > 0;
}

static bool take(size_t most)
{
    static char bytes[64 * 1024];
    ssize_t n = read(in, bytes, most);
    if (n < 0 && errno != EAGAIN)
        err(1, "read");
    return n > 0;
}

static void arm_again(void)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    if (epoll_ctl(edge[0], EPOLL_CTL_MOD, in, &event) < 0)
        err(1, "MOD");
}

static void four_events(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE); /* a pipe is made of these */
    printf("%-36s%14s%14s\n", "", "to read", "to write");
    printf("%-36s%7s%7s%7s%7s\n", "One pipe", "level", "edge", "level",
           "edge");
    look("EMPTY");
    look("  asked again");
    give(5);
    look("5 bytes come: NOT EMPTY");
    look("  asked again");
    take(2);
    look("2 of them are read");
    give(1);
    look("one more comes");
    look("  asked again");
    arm_again();
    look("MOD: the kernel looks again");
    while (take(page))
        continue;
    look("all is read, to EAGAIN: EMPTY");
    while (give(page))
        continue;
    look("bytes come, to EAGAIN: FULL");
    look("  asked again");
    take(1);
    look("1 is read: no page is free yet");
    take(page - 1);
    look("the page is read: NOT FULL");
    look("  asked again");
    while (take(page))
        continue;
    look("all is read: EMPTY");
}

/* Messages come, each when the one before is read. What does that take? */
static void count(const char *what, int epoll_fd, bool drain, size_t most)
{
    int waits = 0, reads = 0, in_vain = 0;
    for (int i = 0; i < MESSAGES; i++) {
        give(SIZE);
        for (; told(epoll_fd) > 0; waits++) {
            bool more;
            do {
                more = take(most);
                reads++;
                in_vain += !more;
            } while (more && drain);
        }
    }
    printf("  %-34s%7d%7d%9d\n", what, waits, reads, in_vain);
}

int main(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        err(1, "pipe");
    in = ends[0];
    out = ends[1];
    fcntl(in, F_SETFL, O_NONBLOCK);
    fcntl(out, F_SETFL, O_NONBLOCK);
    level[0] = watch(in, EPOLLIN);
    edge[0] = watch(in, EPOLLIN | EPOLLET);
    level[1] = watch(out, EPOLLOUT);
    edge[1] = watch(out, EPOLLOUT | EPOLLET);
    four_events();

    printf("\n%d messages of %2d bytes%21s%7s%9s\n", MESSAGES, SIZE,
           "waits", "reads", "in vain");
    count("level, one read of 100 bytes", level[0], false, 100);
    count("level, until EAGAIN", level[0], true, 100);
    count("edge,  until EAGAIN", edge[0], true, 100);
    count("level, one read of 4 bytes", level[0], false, 4);
    count("level, until EAGAIN", level[0], true, 4);
    count("edge,  until EAGAIN", edge[0], true, 4);
}
