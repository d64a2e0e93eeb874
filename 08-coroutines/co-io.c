/*
 * co-io: the system calls that wait, for coroutines.
 *
 * It shows how to teach coroutines to wait for something: there is a queue
 * for each thing, co_wait() stands in it, and who learns that the thing is
 * there calls co_wake(). Here that is the kernel, by epoll_wait() or poll().
 * Look at co_recv(), wait_for(), and co_io_wait().
 * See: epoll(7), poll(2).
 */
#include "co-io.h"
#include "co.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#if !defined __linux__ && !defined CO_POLL
#define CO_POLL
#endif
#ifndef CO_POLL
#include <sys/epoll.h>
#endif

static struct watched {
    struct co_queue readers, writers;
    unsigned armed;  /* what the kernel tells of: POLLIN, POLLOUT */
    unsigned closed; /* by co_close(), so many times */
#ifdef CO_POLL
    int place;       /* in asked */
#endif
} fds[CO_MAX_FDS];   /* untouched, they cost nothing */
static int awaited;  /* so many wait for an fd */

static bool arm(int fd, unsigned events);

/* The kernel has told of an fd. Nobody disarms it after a wait, as mostly it
   is waited for again soon, so a message costs no epoll_ctl(): we do it when
   the kernel tells what nobody wants to know. */
static void told(int fd, unsigned events)
{
    struct watched *w = &fds[fd];
    unsigned wanted = (w->readers.first ? POLLIN : 0) |
                      (w->writers.first ? POLLOUT : 0);
    if (events & ~wanted)
        arm(fd, wanted);
    if (events & ~(unsigned)POLLOUT) /* also for errors and the end */
        co_wake(&w->readers);
    if (events & ~(unsigned)POLLIN)
        co_wake(&w->writers);
}

#ifdef CO_POLL
static struct pollfd asked[CO_MAX_FDS]; /* those armed, without a gap */
static int asked_for;

static bool arm(int fd, unsigned events)
{
    struct watched *w = &fds[fd];
    if (events == w->armed)
        return true;
    if (w->armed == 0)
        w->place = asked_for++;
    asked[w->place] = (struct pollfd){ fd, (short)events, 0 };
    if (events == 0) { /* the last one moves to its place */
        asked[w->place] = asked[--asked_for];
        fds[asked[w->place].fd].place = w->place;
    }
    w->armed = events;
    return true;
}

static void ask_kernel(int ms)
{
    if (poll(asked, (nfds_t)asked_for, ms) > 0)
        for (int i = asked_for - 1; i >= 0; i--) /* down, as the last moves */
            if (asked[i].revents != 0)
                told(asked[i].fd, (unsigned)asked[i].revents);
}
#else
static int epoll_fd = -1;

/* (EPOLLIN is POLLIN, EPOLLOUT is POLLOUT.) */
static bool arm(int fd, unsigned events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    int change = events == 0 ? EPOLL_CTL_DEL
               : fds[fd].armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (events == fds[fd].armed)
        return true;
    if (epoll_fd < 0 && (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return false;
    if (epoll_ctl(epoll_fd, change, fd, &event) < 0)
        return false;
    fds[fd].armed = events;
    return true;
}

static void ask_kernel(int ms)
{
    static struct epoll_event events[256]; /* on no coroutine's stack */
    int n = epoll_fd < 0 ? poll(NULL, 0, ms) /* nobody has waited yet */
                         : epoll_wait(epoll_fd, events, 256, ms);
    for (int i = 0; i < n; i++)
        told(events[i].data.fd, events[i].events);
}
#endif

bool co_io_wait(int ms)
{
    if (awaited == 0 && ms <= 0)
        return ms == 0;
    ask_kernel(ms);
    return true;
}

/* False: errno tells why we cannot wait for it. */
static bool wait_for(int fd, unsigned event)
{
    errno = EBADF;
    if (fd < 0 || fd >= CO_MAX_FDS)
        return false;
    struct watched *w = &fds[fd];
    unsigned closed = w->closed;
    if (!arm(fd, w->armed | event))
        return false;
    awaited++;
    co_wait(event == POLLIN ? &w->readers : &w->writers);
    awaited--;
    errno = EBADF;
    return w->closed == closed;
}

ssize_t co_recv(int fd, void *buffer, size_t size, int flags)
{
    ssize_t n;
    do {
        if (!wait_for(fd, POLLIN))
            return -1;
        n = recv(fd, buffer, size, flags | MSG_DONTWAIT);
    } while (n < 0 && (errno == EAGAIN || errno == EINTR));
    return n;
}

ssize_t co_send(int fd, const void *bytes, size_t size, int flags)
{
    ssize_t n;
    do
        n = send(fd, bytes, size, flags | MSG_DONTWAIT);
    while (n < 0 && (errno == EINTR ||
                     (errno == EAGAIN && wait_for(fd, POLLOUT))));
    return n;
}

static bool make_non_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && ((flags & O_NONBLOCK) ||
                          fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

int co_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    int client;
    do { /* who made it readable may have left, or be another one's now */
        if (!make_non_blocking(fd) || !wait_for(fd, POLLIN))
            return -1;
        client = accept(fd, address, size);
    } while (client < 0 &&
             (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED));
    return client;
}

int co_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int failed;
    socklen_t length = sizeof failed;
    if (!make_non_blocking(fd))
        return -1;
    if (connect(fd, address, size) == 0)
        return 0;
    if ((errno != EINPROGRESS && errno != EINTR) || !wait_for(fd, POLLOUT))
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) < 0)
        return -1;
    errno = failed;
    return failed == 0 ? 0 : -1;
}

int co_close(int fd)
{
    if (fd >= 0 && fd < CO_MAX_FDS) {
        fds[fd].closed++;
        while (co_wake(&fds[fd].readers) || co_wake(&fds[fd].writers))
            ;
        arm(fd, 0); /* close() does not, where another process has it too */
    }
    return close(fd);
}
