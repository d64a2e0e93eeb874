/*
 * 05i-until-eagain: how many calls does it take to read 100 messages?
 *
 *     make 05i    or: 05-epoll/steps/05i-until-eagain
 *
 * Question: 100 messages come one by one. After each wait the program reads
 * until EAGAIN, and one read is enough for a message. How many reads is that?
 * The program reads once after each wait, or until EAGAIN. Look at the rows
 * with reads of 4 bytes, which are too small for a message: a program that
 * reads until EAGAIN needs fewer waits, in both modes. The price: for each
 * wait, one read fails. (An edge-triggered program must do so: see 05c.)
 * The notes: 扩展:epoll的两种工作模式.
 *
 *     100 messages of 10 bytes              waits  reads  EAGAIN
 *       level, one read of 100 bytes          100    100        0
 *       level, until EAGAIN                   100    200      100
 *       ...
 */
#include "step.h"

enum { MESSAGES = 100, SIZE = 10 /* bytes in a message */ };

static int in, out; /* the pipe's ends */

/* Each message comes after the program has read the one before. Count the
   calls that this takes. */
static void count_calls(const char *what, int epoll_fd, bool until_eagain,
                        size_t size)
{
    int waits = 0, reads = 0, eagain_count = 0;
    for (int i = 0; i < MESSAGES; i++) {
        write_bytes(out, SIZE);
        for (; is_ready(epoll_fd); waits++) {
            bool more;
            do {
                more = read_bytes(in, size);
                reads++;
                eagain_count += !more;
            } while (more && until_eagain);
        }
    }
    printf("  %-34s%7d%7d%9d\n", what, waits, reads, eagain_count);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    open_pipe(&in, &out);
    int level = open_epoll_for(in, EPOLLIN);
    int edge = open_epoll_for(in, EPOLLIN | EPOLLET);
    printf("%d messages of %2d bytes%21s%7s%9s\n", MESSAGES, SIZE, "waits",
           "reads", "EAGAIN");
    count_calls("level, one read of 100 bytes", level, false, 100);
    count_calls("level, until EAGAIN", level, true, 100);
    count_calls("edge,  until EAGAIN", edge, true, 100);
    count_calls("level, one read of 4 bytes", level, false, 4);
    count_calls("level, until EAGAIN", level, true, 4);
    count_calls("edge,  until EAGAIN", edge, true, 4);
}
