/*
 * 03l-ask-all: after select(), read all streams, or only the ready ones?
 *
 *     make 03l    or: 03-select/steps/03l-ask-all
 *
 * Question: Ten streams. A hundred times, select() reports one of them, and
 * the program reads all ten until EAGAIN. How many reads find nothing?
 * The streams are pipes. FD_ISSET() is no system call: it looks at the set.
 * The notes: 内核EPOLL模型讲解, the loop with select(streams[]).
 *
 *                                               select    read   EAGAIN
 *     all streams, until EAGAIN                    100    1100     1000
 */
#include "step.h"
#include <sys/select.h>

enum { STREAMS = 10, MESSAGES = 100 }; /* a message is one byte */

static int readers[STREAMS], writers[STREAMS]; /* the ends of the pipes */
static int selects, reads, eagain_count, received;

/* Returns whether there was a byte. */
static bool read_once(int stream)
{
    char byte;
    reads++;
    ssize_t n = read(readers[stream], &byte, 1);
    if (n < 0 && errno != EAGAIN)
        err(1, "read");
    eagain_count += n < 0;
    received += n > 0;
    return n > 0;
}

/* Sleep until a stream is readable. READY is the set of those that are. */
static void wait_until_ready(fd_set *ready)
{
    FD_ZERO(ready);
    for (int i = 0; i < STREAMS; i++)
        FD_SET(readers[i], ready);
    selects++;
    check(select(FD_SETSIZE, ready, NULL, NULL, NULL), "select");
}

/* The notes: "we can only poll them all without distinction". */
static void read_all(const fd_set *ready)
{
    (void)ready;
    for (int i = 0; i < STREAMS; i++)
        while (read_once(i))
            continue;
}

static void read_ready(const fd_set *ready)
{
    for (int i = 0; i < STREAMS; i++)
        if (FD_ISSET(readers[i], ready))
            while (read_once(i))
                continue;
}

/* If a stream has more bytes, the next select() returns at once. */
static void read_ready_once(const fd_set *ready)
{
    for (int i = 0; i < STREAMS; i++)
        if (FD_ISSET(readers[i], ready))
            read_once(i);
}

static void count_calls(const char *what, void (*read_some)(const fd_set *))
{
    selects = reads = eagain_count = received = 0;
    for (int sent = 1; sent <= MESSAGES; sent++) {
        check(write(writers[sent * 7 % STREAMS], "x", 1), "write");
        while (received < sent) {
            fd_set ready;
            wait_until_ready(&ready);
            read_some(&ready);
        }
    }
    printf("%-40s%8d%8d%9d\n", what, selects, reads, eagain_count);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "");
    for (int i = 0; i < STREAMS; i++) {
        int ends[2];
        check(pipe(ends), "pipe");
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        readers[i] = ends[0];
        writers[i] = ends[1];
    }
    printf("%d streams, %d messages, one at a time:\n", STREAMS, MESSAGES);
    printf("%-40s%8s%8s%9s\n", "", "select", "read", "EAGAIN");
    count_calls("all streams, until EAGAIN", read_all);
    count_calls("the ready ones, until EAGAIN", read_ready);
    count_calls("the ready ones, once", read_ready_once);
}
