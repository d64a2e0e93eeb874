/*
 * 07k-ipc: two processes talk: pipe, queue, and what keeps messages apart.
 *
 *     make 07k  or:  07-threads-procs/steps/07k-ipc
 *
 * Python's Pipe() keeps messages apart, because it sends a length before each.
 * The kernel's pipe is a stream of bytes: look at the result of two writes. A
 * socketpair of datagrams keeps messages apart without a length. Its two ends
 * are equal; a pipe has one end to read and one to write. Look at the last two
 * lines: the notes only say that recv would block. The end of file comes when
 * the *last* copy of the other end is closed, and fork() makes a second copy.
 * The notes: 进程间通讯.
 *
 *     a pipe, two writes: one read returns "onetwo"
 *     a pipe, a length before each: "one", "two"
 *     a socketpair of datagrams: "one", "two"
 *     a pipe's writing end, read: Bad file descriptor
 *     a socketpair, both ways: "ping", "pong"
 *     a queue (a pipe with lengths), 5 processes: 5 messages, none mixed
 *     the writer has ended, we have its end open: read would block for ever
 *     ... and close it: end of file
 */
#include "step.h"

#include <poll.h>
#include <stdint.h>

enum {
    WRITERS = 5,
    MAX_LENGTH = 500, /* bytes: a write of up to PIPE_BUF is not mixed with
                         those of other processes */
};

static int ends[2]; /* 0: for the parent; 1: for the child */

/* ------------------------------------------------ what the children do */

static void send_text(const char *bytes)
{
    if (write(ends[1], bytes, strlen(bytes)) < 0)
        err(1, "write");
}

/* Length and text in one write, so that no other writer comes between. */
static void send_framed(const char *bytes)
{
    char frame[sizeof(uint16_t) + MAX_LENGTH];
    uint16_t length = (uint16_t)strlen(bytes);
    memcpy(frame, &length, sizeof length);
    memcpy(frame + sizeof length, bytes, length);
    if (write(ends[1], frame, sizeof length + length) < 0)
        err(1, "write");
}

static int send_one_two(void)
{
    send_text("one");
    send_text("two");
    return 0;
}

static int send_one_two_framed(void)
{
    send_framed("one");
    send_framed("two");
    return 0;
}

static int answer_ping(void)
{
    char bytes[MAX_LENGTH];
    ssize_t n = read(ends[1], bytes, sizeof bytes);
    send_text(n == 4 && memcmp(bytes, "ping", 4) == 0 ? "pong" : "?");
    return 0;
}

static int put_in_queue(void)
{
    char bytes[MAX_LENGTH] = "";
    memset(bytes, 'A' + (int)(getpid() % 26), MAX_LENGTH - 1);
    send_framed(bytes);
    return 0;
}

/* ------------------------------------------------- what the parent does */

/* Make two ends: a pair of sockets of this type, or, if it is 0, a pipe. */
static void make_ends(int type)
{
    if (type == 0 ? pipe(ends) : socketpair(AF_UNIX, type, 0, ends))
        err(1, "pipe or socketpair");
}

static void close_both(void)
{
    close(ends[0]);
    close(ends[1]);
}

static const char *read_text(void)
{
    static char bytes[MAX_LENGTH + 1];
    ssize_t n = read(ends[0], bytes, MAX_LENGTH);
    if (n < 0)
        return strerror(errno);
    bytes[n] = '\0';
    return n == 0 ? "end of file" : bytes;
}

static void read_all(void *bytes, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = read(ends[0], (char *)bytes + got, size - got);
        if (n <= 0)
            errx(1, "the queue ended within a message");
        got += (size_t)n;
    }
}

static const char *read_framed(void)
{
    static char bytes[MAX_LENGTH + 1];
    uint16_t length;
    read_all(&length, sizeof length);
    read_all(bytes, length);
    bytes[length] = '\0';
    return bytes;
}

static void keep_apart(void)
{
    make_ends(0);
    join_process(create_process(send_one_two));
    printf("a pipe, two writes: one read returns \"%s\"\n", read_text());
    join_process(create_process(send_one_two_framed));
    printf("a pipe, a length before each: \"%s\"", read_framed());
    printf(", \"%s\"\n", read_framed());
    close_both();
    make_ends(SOCK_DGRAM);
    join_process(create_process(send_one_two));
    printf("a socketpair of datagrams: \"%s\"", read_text());
    printf(", \"%s\"\n", read_text());
    close_both();
}

static void both_ways(void)
{
    char byte;
    make_ends(0);
    if (read(ends[1], &byte, 1) < 0)
        printf("a pipe's writing end, read: %s\n", strerror(errno));
    close_both();
    make_ends(SOCK_STREAM);
    pid_t pid = create_process(answer_ping);
    if (write(ends[0], "ping", 4) != 4)
        err(1, "write");
    printf("a socketpair, both ways: \"ping\", \"%s\"\n", read_text());
    join_process(pid);
    close_both();
}

static void queue(void)
{
    int whole = 0;
    make_ends(0);
    for (int i = 0; i < WRITERS; i++)
        create_process(put_in_queue);
    for (int i = 0; i < WRITERS; i++) {
        const char *bytes = read_framed();
        whole += strlen(bytes) == MAX_LENGTH - 1 &&
                 strspn(bytes, (char[]){ bytes[0], '\0' }) == MAX_LENGTH - 1;
    }
    while (wait(NULL) > 0)
        continue;
    printf("a queue (a pipe with lengths), %d processes: %d messages, %s\n",
           WRITERS, whole, whole == WRITERS ? "none mixed" : "others mixed");
    close_both();
}

static void forgotten_end(void)
{
    make_ends(0);
    join_process(create_process(send_one_two));
    read_text();
    struct pollfd end = { .fd = ends[0], .events = POLLIN };
    if (poll(&end, 1, 100) == 0)
        puts("the writer has ended, we have its end open: "
             "read would block for ever");
    close(ends[1]);
    printf("... and close it: %s\n", read_text());
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    keep_apart();
    both_ways();
    queue();
    forgotten_end();
}
