/*
 * 04c-two-threads: poll() in one thread, close() in another.
 *
 *     make 04c      or:  04-poll/steps/04c-two-threads [-s SECONDS (0.2)]
 *
 * Question: A thread sleeps in poll(), which watches one fd. Another thread
 * closes this fd. Does poll() return?
 * Two threads may poll the same fd. But close() does not wake a thread that
 * polls the fd (on Linux; POSIX does not say). The kernel gives the number to
 * the next file, and then poll() reports that file. Look at the cure: the main
 * thread writes to a pipe that the thread polls too, and closes the fd after
 * the thread has ended. SECONDS: a thread that poll() has not woken for so
 * long "sleeps on".
 * The notes: (1)select简介, (2)poll简介, both on 线程安全.
 *
 *     a thread polls fd 7
 *       we close it                      it sleeps on
 *       another file gets its number     it sleeps on
 *       the old peer sends a byte        it wakes: IN
 *       it reads from that number        "other"
 *     ...
 */
#include "step.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

struct poller { /* a thread that polls */
    pthread_t thread;
    struct pollfd entries[2];
    atomic_bool started, awake; /* before poll(), after poll() */
    int stat_fd;                /* its file in /proc, or -1 */
};

enum { TIMEOUT = 5 }; /* seconds: enough for a thread that is to wake */

static void *sleep_in_poll(void *argument)
{
    struct poller *p = argument;
    p->stat_fd = open("/proc/thread-self/stat", O_RDONLY);
    p->started = true;
    check(poll(p->entries, 2, -1), "poll");
    p->awake = true;
    return NULL;
}

/* On Linux, /proc shows whether a thread sleeps, and a thread that has started
   can sleep only in poll(). On other systems give it time. */
static bool is_asleep(const struct poller *p)
{
    char stat[100] = "";
    sleep_ms(p->stat_fd < 0 ? (long)(step.second * 1000) : 1);
    if (p->stat_fd >= 0)
        check(pread(p->stat_fd, stat, sizeof stat - 1, 0), "pread");
    return p->stat_fd < 0 || strstr(stat, ") S ") != NULL;
}

/* Start a thread that polls FD and ANOTHER (-1: none). Return when the thread
   is asleep in poll(). */
static void start(struct poller *p, int fd, int another)
{
    p->awake = p->started = false;
    p->entries[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
    p->entries[1] = (struct pollfd){ .fd = another, .events = POLLIN };
    if (pthread_create(&p->thread, NULL, sleep_in_poll, p) != 0)
        errx(1, "pthread_create");
    while (!p->started || !is_asleep(p))
        continue;
}

/* Wait at most SECONDS for the thread to wake, and print what poll() said. */
static void print_outcome(const char *what, const struct poller *p,
                          double seconds)
{
    for (double ms = seconds * 1000; ms > 0 && !p->awake; ms--)
        sleep_ms(1);
    printf("  %-32s %s\n", what, !p->awake ? "it sleeps on" :
           p->entries[0].revents & POLLNVAL ? "it wakes: NVAL" :
           p->entries[0].revents & POLLIN ? "it wakes: IN" :
           p->entries[1].revents & POLLIN ? "it wakes: the pipe's IN" :
           "it wakes: -");
}

static void two_threads_poll(void)
{
    struct poller one, two;
    int pair[2];
    open_pair(pair);
    printf("two threads poll fd %d\n", pair[0]);
    start(&one, pair[0], -1);
    start(&two, pair[0], -1);
    write_text(pair[1], "x");
    print_outcome("a byte comes: the first", &one, TIMEOUT);
    print_outcome("... and the second", &two, TIMEOUT);
}

/* Close an fd that a thread polls. Returns the peer of the closed socket. */
static int close_while_polled(struct poller *p, int *fd)
{
    int pair[2];
    open_pair(pair);
    *fd = pair[0];
    printf("a thread polls fd %d\n", *fd);
    start(p, *fd, -1);
    close(*fd);
    print_outcome("we close it", p, step.second);
    return pair[1];
}

/* The closed socket lives on while poll() looks at it; not so on macOS. */
static void send_from(int peer)
{
    if (write(peer, "x", 1) < 0 && errno != EPIPE)
        err(1, "write");
}

/* Has the peer got the end of the file, or a reset? */
static void print_end(int peer)
{
    char byte;
    ssize_t n = recv(peer, &byte, 1, MSG_DONTWAIT);
    printf("  %-32s %s\n", "... does its peer see the end?",
           n < 0 && errno == EAGAIN ? "no" : "yes");
}

static void number_is_free(void)
{
    struct poller p;
    int fd, peer = close_while_polled(&p, &fd);
    print_end(peer);
    send_from(peer);
    print_outcome("the peer sends a byte", &p, TIMEOUT);
    pthread_join(p.thread, NULL);
    print_end(peer);
    close(peer);
}

static void number_is_taken(void)
{
    struct poller p;
    int fd, peer = close_while_polled(&p, &fd);
    int other[2];
    char bytes[8] = "";
    open_pair(other); /* other[0] is the lowest free number: that is fd */
    write_text(other[1], "other");
    print_outcome("another file gets its number", &p, step.second);
    send_from(peer);
    print_outcome("the old peer sends a byte", &p, TIMEOUT);
    check(read(fd, bytes, sizeof bytes - 1), "read");
    printf("  %-32s \"%s\"\n", "it reads from that number", bytes);
}

/* The cure: wake the thread, let it end, and only then close. */
static void wake_it_first(void)
{
    struct poller p;
    int pair[2], stop[2];
    open_pair(pair);
    check(pipe(stop), "pipe");
    printf("a thread polls fd %d and a pipe\n", pair[0]);
    start(&p, pair[0], stop[0]);
    write_text(stop[1], "x");
    print_outcome("we write to the pipe", &p, TIMEOUT);
    pthread_join(p.thread, NULL);
    close(pair[0]);
    puts("  and close it: nobody polls it any more");
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    two_threads_poll();
    number_is_free();
    number_is_taken();
    wake_it_first();
}
