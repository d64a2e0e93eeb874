/*
 * 05b-level-edge: the same pipe, watched level-triggered and edge-triggered.
 *
 *     make 05b    or: 05-epoll/steps/05b-level-edge
 *
 * Question: epoll has reported a pipe with 5 bytes by an edge, and no process
 * has read them. One more byte comes. Does epoll report an edge again?
 * The notes have four events of a buffer: not empty, full, not full, empty.
 * Look at "asked again": epoll reports a level as long as it lasts, an edge
 * once. But one more byte is an edge too, even if the pipe was not empty; so
 * is MOD.
 * The notes: 1、内核EPOLL模型讲解; 扩展:epoll的两种工作模式.
 *
 *                                              to read
 *     One pipe                              level   edge
 *       5 bytes come: NOT EMPTY                IN     IN
 *         asked again                          IN      -
 */
#include "step.h"

static int in, out;           /* the pipe's ends */
static int level[2], edge[2]; /* four epolls: [0] watches in, [1] out */

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

static void four_events(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE); /* a pipe consists of pages */
    printf("%-36s%14s%14s\n", "", "to read", "to write");
    printf("%-36s%7s%7s%7s%7s\n", "One pipe", "level", "edge", "level",
           "edge");
    print_ready("EMPTY");
    print_ready("  asked again");
    write_bytes(out, 5);
    print_ready("5 bytes come: NOT EMPTY");
    print_ready("  asked again");
    read_bytes(in, 2);
    print_ready("2 of them are read");
    write_bytes(out, 1);
    print_ready("one more comes");
    print_ready("  asked again");
    watch_fd(edge[0], EPOLL_CTL_MOD, in, EPOLLIN | EPOLLET);
    print_ready("MOD: the kernel looks again");
    while (read_bytes(in, page))
        continue;
    print_ready("all is read, to EAGAIN: EMPTY");
    while (write_bytes(out, page))
        continue;
    print_ready("bytes come, to EAGAIN: FULL");
    print_ready("  asked again");
    read_bytes(in, 1);
    print_ready("1 is read: no page is free yet");
    read_bytes(in, page - 1);
    print_ready("the page is read: NOT FULL");
    print_ready("  asked again");
    while (read_bytes(in, page))
        continue;
    print_ready("all is read: EMPTY");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    open_pipe(&in, &out);
    level[0] = open_epoll_for(in, EPOLLIN);
    edge[0] = open_epoll_for(in, EPOLLIN | EPOLLET);
    level[1] = open_epoll_for(out, EPOLLOUT);
    edge[1] = open_epoll_for(out, EPOLLOUT | EPOLLET);
    four_events();
}
