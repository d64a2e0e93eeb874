/*
 * 07k-ipc: two processes talk: pipe, queue, and what keeps messages apart.
 *
 *     make 07k  or:  07-threads-procs/steps/07k-ipc
 *
 * Python's Pipe() keeps messages apart, for it puts a length before each. The
 * kernel's pipe is a stream of bytes: look at what two writes become. A
 * datagram socketpair keeps them apart by itself, and its two ends are the
 * same; those of a pipe are not. The last two lines are what the notes' "recv
 * would block" hides: the end of file comes when the *last* copy of the other
 * end is closed, and after a fork() there are two.
 * The notes: 进程间通讯.
 *
 *     a pipe, two writes: one read brings "onetwo"
 *     a pipe, a length before each: "one", "two"
 *     a socketpair of datagrams: "one", "two"
 *     a pipe's writing end, read: Bad file descriptor
 *     a socketpair, both ways: "ping", "pong"
 *     a queue (a pipe, and lengths), 5 processes: 5 messages, none mixed
 *     the writer has ended, we still hold its end: nothing, for ever
 *     ... and close it: end of file
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WRITERS = 5,
    LONGEST = 500, /* bytes: up to PIPE_BUF a write comes in one piece */
};

static int ends[2]; /* 0: for the parent; 1: for the child */

/* A child that runs the body, and ends with the status that it returns. */
static pid_t child(int (*body)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0)
        _exit(body());
    return pid;
}

/* Join: sleep until it has ended. Its exit status, or minus the signal that
   killed it, as in Python. */
static int joined(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0)
        err(1, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void say(const char *text)
{
    if (write(ends[1], text, strlen(text)) < 0)
        err(1, "write");
}

/* Length and text in one write, so that no other writer comes between. */
static void say_framed(const char *text)
{
    char message[sizeof(uint16_t) + LONGEST];
    uint16_t length = (uint16_t)strlen(text);
    memcpy(message, &length, sizeof length);
    memcpy(message + sizeof length, text, length);
    if (write(ends[1], message, sizeof length + length) < 0)
        err(1, "write");
}

static int one_two(void)
{
    say("one");
    say("two");
    return 0;
}

static int one_two_framed(void)
{
    say_framed("one");
    say_framed("two");
    return 0;
}

static int pong(void)
{
    char text[LONGEST];
    ssize_t n = read(ends[1], text, sizeof text);
    say(n == 4 && memcmp(text, "ping", 4) == 0 ? "pong" : "?");
    return 0;
}

static int put_in_queue(void)
{
    char text[LONGEST] = "";
    memset(text, 'A' + (int)(getpid() % 26), LONGEST - 1);
    say_framed(text);
    return 0;
}

static const char *hear(void)
{
    static char text[LONGEST + 1];
    ssize_t n = read(ends[0], text, LONGEST);
    if (n < 0)
        return strerror(errno);
    text[n] = '\0';
    return n == 0 ? "end of file" : text;
}

static void read_all(void *to, size_t size)
{
    for (size_t n = 0; n < size;) {
        ssize_t more = read(ends[0], (char *)to + n, size - n);
        if (more <= 0)
            errx(1, "the queue has ended in a message");
        n += (size_t)more;
    }
}

static const char *hear_framed(void)
{
    static char text[LONGEST + 1];
    uint16_t length;
    read_all(&length, sizeof length);
    read_all(text, length);
    text[length] = '\0';
    return text;
}

static void make_pipe(void)
{
    if (pipe(ends) < 0)
        err(1, "pipe");
}

static void make_pair(int type)
{
    if (socketpair(AF_UNIX, type, 0, ends) < 0)
        err(1, "socketpair");
}

static void close_both(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void keep_apart(void)
{
    make_pipe();
    joined(child(one_two));
    printf("a pipe, two writes: one read brings \"%s\"\n", hear());
    joined(child(one_two_framed));
    printf("a pipe, a length before each: \"%s\"", hear_framed());
    printf(", \"%s\"\n", hear_framed());
    close_both();
    make_pair(SOCK_DGRAM);
    joined(child(one_two));
    printf("a socketpair of datagrams: \"%s\"", hear());
    printf(", \"%s\"\n", hear());
    close_both();
}

static void both_ways(void)
{
    char byte;
    make_pipe();
    if (read(ends[1], &byte, 1) < 0)
        printf("a pipe's writing end, read: %s\n", strerror(errno));
    close_both();
    make_pair(SOCK_STREAM);
    pid_t pid = child(pong);
    if (write(ends[0], "ping", 4) != 4)
        err(1, "write");
    printf("a socketpair, both ways: \"ping\", \"%s\"\n", hear());
    joined(pid);
    close_both();
}

static void queue(void)
{
    int whole = 0;
    make_pipe();
    for (int i = 0; i < WRITERS; i++)
        child(put_in_queue);
    for (int i = 0; i < WRITERS; i++) {
        const char *text = hear_framed();
        whole += strlen(text) == LONGEST - 1 &&
                 strspn(text, (char[]){ text[0], '\0' }) == LONGEST - 1;
    }
    while (wait(NULL) > 0)
        ;
    printf("a queue (a pipe, and lengths), %d processes: %d messages, %s\n",
           WRITERS, whole, whole == WRITERS ? "none mixed" : "others mixed");
    close_both();
}

static void forgotten_end(void)
{
    make_pipe();
    joined(child(one_two));
    hear();
    struct pollfd end = { .fd = ends[0], .events = POLLIN };
    if (poll(&end, 1, 100) == 0)
        puts("the writer has ended, we still hold its end: nothing, for ever");
    close(ends[1]);
    printf("... and close it: %s\n", hear());
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    keep_apart();
    both_ways();
    queue();
    forgotten_end();
}
