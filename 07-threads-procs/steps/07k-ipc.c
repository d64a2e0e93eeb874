/*
 * 07k-ipc: two processes talk: pipe, queue, and what keeps messages apart.
 *
 *     make 07k  or:  07-threads-procs/steps/07k-ipc
 *
 * Question: A process writes "one", and then "two", into a pipe. After that
 * another process calls read() once. What does it get?
 * Python's Pipe() keeps messages apart, because it sends a length before each.
 * The kernel's pipe is a stream of bytes: look at the result of two writes. A
 * socketpair of datagrams keeps messages apart without a length. Look at the
 * last two lines: the notes only say that recv would block. The end of file
 * comes when the *last* copy of the other end is closed, and fork() makes a
 * second copy.
 * The notes: 进程间通讯.
 *
 *     a pipe, two writes: one read returns "onetwo"
 *     a pipe, a length before each: "one", "two"
 *     a socketpair of datagrams: "one", "two"
 *     ...
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

static int ends[2]; /* 0: the parent reads; 1: the child writes */

/* ------------------------------------------------------------- messages */

static void send_text(const char *bytes)
{
    check(write(ends[1], bytes, strlen(bytes)), "write");
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

/* Length and text in one write, so that no other writer comes between. */
static void send_framed(const char *bytes)
{
    char frame[sizeof(uint16_t) + MAX_LENGTH];
    uint16_t length = (uint16_t)strlen(bytes);
    memcpy(frame, &length, sizeof length);
    memcpy(frame + sizeof length, bytes, length);
    check(write(ends[1], frame, sizeof length + length), "write");
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

/* -------------------------------------------------------- two processes */

/* A child sends two messages. Return when it has ended. */
static void send_one_two(void (*send_message)(const char *))
{
    pid_t pid = fork_process();
    if (pid == 0) {
        send_message("one");
        send_message("two");
        _exit(0);
    }
    join_process(pid);
}

static void close_both(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void keep_apart(void)
{
    check(pipe(ends), "pipe");
    send_one_two(send_text);
    printf("a pipe, two writes: one read returns \"%s\"\n", read_text());
    send_one_two(send_framed);
    printf("a pipe, a length before each: \"%s\"", read_framed());
    printf(", \"%s\"\n", read_framed());
    close_both();
    check(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), "socketpair");
    send_one_two(send_text);
    printf("a socketpair of datagrams: \"%s\"", read_text());
    printf(", \"%s\"\n", read_text());
    close_both();
}

static void both_ways(void)
{
    char bytes[5] = "";
    check(pipe(ends), "pipe");
    if (read(ends[1], bytes, 4) < 0)
        printf("a pipe's writing end, read: %s\n", strerror(errno));
    close_both();
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    pid_t pid = fork_process();
    if (pid == 0) {
        check(read(ends[1], bytes, 4), "read");
        send_text(strcmp(bytes, "ping") == 0 ? "pong" : "?");
        _exit(0);
    }
    check(write(ends[0], "ping", 4), "write");
    printf("a socketpair, both ways: \"ping\", \"%s\"\n", read_text());
    join_process(pid);
    close_both();
}

/* Each child sends a message of one letter, as long as it may be. */
static void queue(void)
{
    int whole = 0;
    check(pipe(ends), "pipe");
    for (int i = 0; i < WRITERS; i++)
        if (fork_process() == 0) {
            char bytes[MAX_LENGTH + 1] = "";
            memset(bytes, 'A' + i, MAX_LENGTH);
            send_framed(bytes);
            _exit(0);
        }
    for (int i = 0; i < WRITERS; i++) {
        const char *bytes = read_framed();
        char letter[] = { bytes[0], '\0' };
        whole += strspn(bytes, letter) == MAX_LENGTH;
    }
    join_all_processes();
    printf("a queue (a pipe with lengths), %d processes: %d messages, %s\n",
           WRITERS, whole, whole == WRITERS ? "none mixed" : "others mixed");
    close_both();
}

static void forgotten_end(void)
{
    check(pipe(ends), "pipe");
    send_one_two(send_text);
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
