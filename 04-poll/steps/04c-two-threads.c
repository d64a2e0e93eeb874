/*
 * 04c-two-threads: poll() in one thread, close() in another.
 *
 *     make 04c      or:  04-poll/steps/04c-two-threads [-s SECONDS (0.2)]
 *
 * SECONDS: for so long a thread has to sleep on, to be believed. Two threads
 * may well poll one fd. But close() wakes nobody who polls it (on Linux; POSIX
 * leaves it open), and the number goes to the next file: who wakes then is
 * told of that one. Look at the cure: tell the thread first, over a pipe that
 * it polls too, and close what it has left.
 * The notes: (1)select简介, (2)poll简介, both on 线程安全.
 *
 *     two threads poll fd 3
 *       a byte comes: the first          it wakes: IN
 *       ... and the second               it wakes: IN
 *     a thread polls fd 7
 *       we close it                      it sleeps on
 *       the peer sends a byte            it wakes: NVAL
 *     a thread polls fd 7
 *       we close it                      it sleeps on
 *       another file gets its number     it sleeps on
 *       the old peer sends a byte        it wakes: IN
 *       it reads from that number        "other"
 *     a thread polls fd 14 and a pipe
 *       we write to the pipe             it wakes: the pipe's IN
 *       and close it: nobody polls it any more
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sleeper { /* a thread in poll() */
    pthread_t thread;
    struct pollfd entries[2];
    atomic_bool awake;
    atomic_bool begun; /* nothing but poll() is left to do */
    int state;         /* its file in /proc, or -1 */
};

enum { LONG = 5 }; /* seconds: who is to wake gets all the time it needs */

static double second = 0.2;

static void *sleep_in_poll(void *argument)
{
    struct sleeper *s = argument;
    s->state = open("/proc/thread-self/stat", O_RDONLY);
    s->begun = true;
    if (poll(s->entries, 2, -1) < 0)
        err(1, "poll");
    s->awake = true;
    return NULL;
}

/* Linux tells whether a thread sleeps, and this one has nothing left to sleep
   in but poll(). Elsewhere it gets plenty of time to fall asleep. */
static bool asleep(const struct sleeper *s)
{
    char text[100] = "";
    usleep((useconds_t)(s->state < 0 ? second * 1e6 : 1000));
    if (s->state >= 0 && pread(s->state, text, sizeof text - 1, 0) < 0)
        err(1, "/proc/thread-self/stat");
    return s->state < 0 || strstr(text, ") S ") != NULL;
}

/* A thread that polls this fd and that one (-1: none). It is asleep in poll()
   when we come back. */
static void start(struct sleeper *s, int fd, int another)
{
    s->awake = s->begun = false;
    s->entries[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
    s->entries[1] = (struct pollfd){ .fd = another, .events = POLLIN };
    if (pthread_create(&s->thread, NULL, sleep_in_poll, s) != 0)
        errx(1, "pthread_create");
    while (!s->begun || !asleep(s))
        ;
}

/* What comes of it for the thread, within so many seconds? */
static void tell(const char *what, const struct sleeper *s, double seconds)
{
    for (double ms = seconds * 1000; ms > 0 && !s->awake; ms--)
        usleep(1000);
    printf("  %-32s ", what);
    if (!s->awake) {
        puts("it sleeps on");
        return;
    }
    int events = s->entries[0].revents;
    printf("it wakes: %s\n", events & POLLNVAL ? "NVAL" :
           events & POLLIN ? "IN" :
           s->entries[1].revents & POLLIN ? "the pipe's IN" : "-");
}

static void give(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        err(1, "write");
}

/* A connection: fd is ours, the result is its peer. */
static int connection(int *fd)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        err(1, "socketpair");
    *fd = ends[0];
    return ends[1];
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);

    struct sleeper one, two;
    int fd, stop[2], peer = connection(&fd);
    char text[8] = "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* where close() does close at once */

    printf("two threads poll fd %d\n", fd);
    start(&one, fd, -1);
    start(&two, fd, -1);
    give(peer, "x");
    tell("a byte comes: the first", &one, LONG);
    tell("... and the second", &two, LONG);

    peer = connection(&fd);
    printf("a thread polls fd %d\n", fd);
    start(&one, fd, -1);
    close(fd);
    tell("we close it", &one, second);
    give(peer, "x");
    tell("the peer sends a byte", &one, LONG);

    peer = connection(&fd);
    printf("a thread polls fd %d\n", fd);
    start(&one, fd, -1);
    close(fd);
    tell("we close it", &one, second);
    int other, others_peer = connection(&other);
    give(others_peer, "other");
    if (dup2(other, fd) < 0) /* what open() does by itself: the lowest free */
        err(1, "dup2");
    tell("another file gets its number", &one, second);
    give(peer, "x");
    tell("the old peer sends a byte", &one, LONG);
    if (read(fd, text, sizeof text - 1) < 0)
        err(1, "read");
    printf("  %-32s \"%s\"\n", "it reads from that number", text);

    peer = connection(&fd);
    if (pipe(stop) < 0)
        err(1, "pipe");
    printf("a thread polls fd %d and a pipe\n", fd);
    start(&one, fd, stop[0]);
    give(stop[1], "x");
    tell("we write to the pipe", &one, LONG);
    pthread_join(one.thread, NULL);
    close(fd);
    puts("  and close it: nobody polls it any more");
}
