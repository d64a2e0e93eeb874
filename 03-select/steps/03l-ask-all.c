/*
 * 03l-ask-all: after select(), read every stream, or those that it names?
 *
 *     make 03l    or: 03-select/steps/03l-ask-all
 *
 * Ten pipes, a hundred messages, each into one of them. Look at "in vain": a
 * read() of a stream that had nothing. select() has left the fds that have
 * something in the set; FD_ISSET() asks there, which is no system call.
 * The notes: 内核EPOLL模型讲解, the loop with select(streams[]).
 *
 *                                               select    read  in vain
 *     every stream, until it has no more           100    1100     1000
 *     ...
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/select.h>
#include <unistd.h>

enum { STREAMS = 10, MESSAGES = 100 };

static int readers[STREAMS], writers[STREAMS]; /* the ends of the pipes */
static int selects, reads, in_vain, heard;

/* Returns whether there was something. */
static bool read_once(int stream)
{
    char byte;
    reads++;
    ssize_t n = read(readers[stream], &byte, 1);
    if (n < 0 && errno != EAGAIN)
        err(1, "read");
    in_vain += n < 0;
    heard += n > 0;
    return n > 0;
}

/* Sleep until a stream has something; the set says which. */
static void wait_for(fd_set *ready)
{
    FD_ZERO(ready);
    for (int i = 0; i < STREAMS; i++)
        FD_SET(readers[i], ready);
    selects++;
    if (select(FD_SETSIZE, ready, NULL, NULL, NULL) < 0)
        err(1, "select");
}

/* "We can only poll them all without distinction". */
static void ask_all(const fd_set *ready)
{
    (void)ready;
    for (int i = 0; i < STREAMS; i++)
        while (read_once(i))
            continue;
}

static void ask_the_named(const fd_set *ready)
{
    for (int i = 0; i < STREAMS; i++)
        if (FD_ISSET(readers[i], ready))
            while (read_once(i))
                continue;
}

/* Should there be more, the next select() will say so. */
static void ask_the_named_once(const fd_set *ready)
{
    for (int i = 0; i < STREAMS; i++)
        if (FD_ISSET(readers[i], ready))
            read_once(i);
}

static void try(const char *what, void (*hear)(const fd_set *ready))
{
    selects = reads = in_vain = heard = 0;
    for (int message = 0; message < MESSAGES; message++) {
        if (write(writers[message * 7 % STREAMS], "x", 1) != 1)
            err(1, "write");
        while (heard <= message) {
            fd_set ready;
            wait_for(&ready);
            hear(&ready);
        }
    }
    printf("%-40s%8d%8d%9d\n", what, selects, reads, in_vain);
}

int main(void)
{
    for (int i = 0; i < STREAMS; i++) {
        int ends[2];
        if (pipe(ends) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
            err(1, "pipe");
        readers[i] = ends[0];
        writers[i] = ends[1];
    }
    printf("%d streams, %d messages, one at a time:\n", STREAMS, MESSAGES);
    printf("%-40s%8s%8s%9s\n", "", "select", "read", "in vain");
    try("every stream, until it has no more", ask_all);
    try("those in the set, until they have none", ask_the_named);
    try("those in the set, once", ask_the_named_once);
}
