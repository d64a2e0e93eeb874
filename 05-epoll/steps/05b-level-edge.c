/*
 * 05b-level-edge: the same pipe, watched level-triggered and edge-triggered.
 *
 *     make 05b    or: 05-epoll/steps/05b-level-edge
 *
 * The notes have four events of a buffer: not empty, full, not full, empty.
 * Look at "asked again": epoll reports a level as long as it lasts, an edge
 * once. But one more byte is an edge too, even if the pipe was not empty; so
 * is MOD. The counts below show: a program needs fewer waits if it reads until
 * EAGAIN, in both modes.
 * The notes: 1、内核EPOLL模型讲解; 扩展:epoll的两种工作模式.
 *
 *                                              to read
 *     One pipe                              level   edge
 *       5 bytes come: NOT EMPTY                IN     IN
 *         asked again                          IN      -
 */
#include "step.h"

enum { MESSAGES = 100, SIZE = 10 /* bytes in a message */ };

static int in, out;           /* the pipe's ends */
static int level[2], edge[2]; /* four epolls: [0] watches in, [1] out */

static bool is_ready(int epoll_fd)
{
    struct epoll_event event;
    return check(epoll_wait(epoll_fd, &event, 1, 0), "epoll_wait") > 0;
}

/* Ask each of the four epolls once. */
static void print_ready(const char *what)
{
    printf("  %-34s", what);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "IN" : "OUT";
        printf("%7s", is_ready(level[i]) ? name : "-");
        printf("%7s", is_ready(edge[i]) ? name : "-");
    }
    puts("");
}

/* Write, or read, at most SIZE bytes. Returns false at EAGAIN. */
static bool write_bytes(size_t size)
{
    static const char bytes[64 * 1024];
    ssize_t n = write(out, bytes, size);
    if (n < 0 && errno != EAGAIN)
        err(1, "write");
    return n > 0;
}

static bool read_bytes(size_t size)
{
    static char bytes[64 * 1024];
    ssize_t n = read(in, bytes, size);
    if (n < 0 && errno != EAGAIN)
        err(1, "read");
    return n > 0;
}

static void four_events(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE); /* a pipe consists of pages */
    printf("%-36s%14s%14s\n", "", "to read", "to write");
    printf("%-36s%7s%7s%7s%7s\n", "One pipe", "level", "edge", "level",
           "edge");
    print_ready("EMPTY");
    print_ready("  asked again");
    write_bytes(5);
    print_ready("5 bytes come: NOT EMPTY");
    print_ready("  asked again");
    read_bytes(2);
    print_ready("2 of them are read");
    write_bytes(1);
    print_ready("one more comes");
    print_ready("  asked again");
    watch_fd(edge[0], EPOLL_CTL_MOD, in, EPOLLIN | EPOLLET);
    print_ready("MOD: the kernel looks again");
    while (read_bytes(page))
        continue;
    print_ready("all is read, to EAGAIN: EMPTY");
    while (write_bytes(page))
        continue;
    print_ready("bytes come, to EAGAIN: FULL");
    print_ready("  asked again");
    read_bytes(1);
    print_ready("1 is read: no page is free yet");
    read_bytes(page - 1);
    print_ready("the page is read: NOT FULL");
    print_ready("  asked again");
    while (read_bytes(page))
        continue;
    print_ready("all is read: EMPTY");
}

/* Each message comes after the program has read the one before. Count the
   calls that this takes. */
static void count_calls(const char *what, int epoll_fd, bool until_eagain,
                        size_t size)
{
    int waits = 0, reads = 0, eagain_count = 0;
    for (int i = 0; i < MESSAGES; i++) {
        write_bytes(SIZE);
        for (; is_ready(epoll_fd); waits++) {
            bool more;
            do {
                more = read_bytes(size);
                reads++;
                eagain_count += !more;
            } while (more && until_eagain);
        }
    }
    printf("  %-34s%7d%7d%9d\n", what, waits, reads, eagain_count);
}

int main(int argc, char **argv)
{
    int ends[2];
    begin_step(argc, argv, "", "(no options)");
    check(pipe(ends), "pipe");
    in = ends[0];
    out = ends[1];
    fcntl(in, F_SETFL, O_NONBLOCK);
    fcntl(out, F_SETFL, O_NONBLOCK);
    level[0] = open_epoll_for(in, EPOLLIN);
    edge[0] = open_epoll_for(in, EPOLLIN | EPOLLET);
    level[1] = open_epoll_for(out, EPOLLOUT);
    edge[1] = open_epoll_for(out, EPOLLOUT | EPOLLET);
    four_events();

    printf("\n%d messages of %2d bytes%21s%7s%9s\n", MESSAGES, SIZE,
           "waits", "reads", "EAGAIN");
    count_calls("level, one read of 100 bytes", level[0], false, 100);
    count_calls("level, until EAGAIN", level[0], true, 100);
    count_calls("edge,  until EAGAIN", edge[0], true, 100);
    count_calls("level, one read of 4 bytes", level[0], false, 4);
    count_calls("level, until EAGAIN", level[0], true, 4);
    count_calls("edge,  until EAGAIN", edge[0], true, 4);
}
