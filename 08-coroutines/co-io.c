/*
 * co-io: the system calls that wait for an fd, for coroutines.
 *
 * Look at co_recv(), receive_some(), wait_for() and wait_for_events(). They
 * show how to make coroutines wait for an event of any kind. There is a queue
 * for each event; here each fd has two, one to read and one to write. A
 * coroutine that waits calls co_wait(). The part of the program that learns of
 * the event calls co_wake(): here that is the scheduler's idle hook, which
 * learns of it from epoll_wait() or poll().
 * See: epoll(7), poll(2).
 */
#include "co.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#if !defined __linux__ && !defined CO_POLL
#define CO_POLL
#endif
#ifndef CO_POLL
#include <sys/epoll.h>
#endif

enum { MAX_EVENTS = 256 }; /* of one epoll_wait(); the next one reports more */

static struct fd_state {
    struct co_queue readers, writers;
    unsigned watched;   /* the events that the kernel reports: POLLIN, POLLOUT;
                           0: it does not watch this fd */
    unsigned closed;    /* how often co_close() has closed it */
    float read_timeout, write_timeout; /* seconds; 0: not known yet */
#ifdef CO_POLL
    int place;          /* its index in pollfds */
#endif
} fds[CO_MAX_FDS];      /* only the pages in use take memory */
static int waiting;     /* how many coroutines wait for an fd */

static bool watch(int fd, unsigned events);

static void wake_all(struct fd_state *f)
{
    while (co_wake(&f->readers) || co_wake(&f->writers))
        continue;
}

/* The kernel has reported EVENTS of FD: wake the first reader, the first
   writer, or both. After a wait the fd stays watched, because mostly a
   coroutine soon waits for it again; so a message takes no epoll_ctl(). We end
   the watch for an event when the kernel reports it and no coroutine waits for
   it. */
static void on_events(int fd, unsigned events)
{
    struct fd_state *f = &fds[fd];
    unsigned wanted = (f->readers.first ? POLLIN : 0) |
                      (f->writers.first ? POLLOUT : 0);
    if (events & ~wanted)
        watch(fd, wanted);
    if (events & ~(unsigned)POLLOUT) /* POLLERR or POLLHUP wakes both */
        co_wake(&f->readers);
    if (events & ~(unsigned)POLLIN)
        co_wake(&f->writers);
}

#ifdef CO_POLL
static struct pollfd pollfds[CO_MAX_FDS]; /* the watched fds, without gaps */
static int n_pollfds;

/* Watch FD for EVENTS, and for no others; 0: do not watch it. */
static bool watch(int fd, unsigned events)
{
    struct fd_state *f = &fds[fd];
    if (events == f->watched)
        return true;
    if (f->watched == 0)
        f->place = n_pollfds++;
    pollfds[f->place] = (struct pollfd){ fd, (short)events, 0 };
    if (events == 0) { /* the last entry moves to its place: no gap */
        pollfds[f->place] = pollfds[--n_pollfds];
        fds[pollfds[f->place].fd].place = f->place;
    }
    f->watched = events;
    return true;
}

/* The loop goes down: on_events() may move the last entry to place i, and the
   loop has seen that entry before. */
static void ask_kernel(int timeout)
{
    if (poll(pollfds, (nfds_t)n_pollfds, timeout) > 0)
        for (int i = n_pollfds - 1; i >= 0; i--)
            if (pollfds[i].revents != 0)
                on_events(pollfds[i].fd, (unsigned)pollfds[i].revents);
}
#else
static int epoll_fd = -1;
static int highest_fd = -1; /* the highest one that was ever watched */

/* Change what the epoll reports of FD from OLD to NEW; 0: nothing. (EPOLLIN
   is POLLIN, EPOLLOUT is POLLOUT.) */
static bool change_epoll(int fd, unsigned old, unsigned new)
{
    struct epoll_event event = { .events = new, .data.fd = fd };
    int change = new == 0 ? EPOLL_CTL_DEL
               : old == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return epoll_ctl(epoll_fd, change, fd, &event) == 0;
}

/* fork(2) calls this in the child. Parent and child share the epoll: it
   reports to both what either has added. So the child closes its fd of it, and
   make_epoll() makes another one. */
static void leave_epoll(void)
{
    if (epoll_fd >= 0)
        close(epoll_fd);
    epoll_fd = -1;
}

/* Make the epoll; in a child, with the fds that the parent has watched. */
static bool make_epoll(void)
{
    static bool fork_calls_us;
    if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return false;
    if (!fork_calls_us)
        pthread_atfork(NULL, NULL, leave_epoll);
    fork_calls_us = true;
    for (int fd = 0; fd <= highest_fd; fd++) {
        struct fd_state *f = &fds[fd];
        if (f->watched == 0 || change_epoll(fd, 0, f->watched))
            continue;
        f->watched = 0; /* the child has closed it */
        wake_all(f);    /* their calls fail */
    }
    return true;
}

/* Watch FD for EVENTS, and for no others; 0: do not watch it. False: errno
   says why not. */
static bool watch(int fd, unsigned events)
{
    if (events == fds[fd].watched)
        return true;
    if (epoll_fd < 0 && !make_epoll())
        return false;
    if (!change_epoll(fd, fds[fd].watched, events))
        return false;
    fds[fd].watched = events;
    if (fd > highest_fd)
        highest_fd = fd;
    return true;
}

static void ask_kernel(int timeout)
{
    static struct epoll_event events[MAX_EVENTS]; /* static: on the stack they
                                                     would take a page more */
    if (epoll_fd < 0 && !make_epoll()) {
        perror("co: after fork: epoll_create1");
        abort();
    }
    int n = epoll_wait(epoll_fd, events, MAX_EVENTS, timeout);
    for (int i = 0; i < n; i++)
        on_events(events[i].data.fd, events[i].events);
}
#endif

/* The scheduler's idle hook; see co_set_idle_hook(). If no coroutine waits for
   an fd, it may still have to sleep until the timeout. */
static bool wait_for_events(int timeout)
{
    if (waiting == 0 && timeout <= 0)
        return timeout == 0;
    ask_kernel(timeout);
    return true;
}

static bool is_in_table(int fd)
{
    errno = EBADF;
    return fd >= 0 && fd < CO_MAX_FDS;
}

static double now(void) /* seconds */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The time when a wait for EVENT of FD must end: SO_RCVTIMEO or SO_SNDTIMEO
   from now on. We ask for these once, or each wait would take a system call
   more. */
static double find_deadline(int fd, unsigned event)
{
    struct fd_state *f = &fds[fd];
    float *timeout = event == POLLIN ? &f->read_timeout : &f->write_timeout;
    if (*timeout == 0) {
        struct timeval t = { 0, 0 };
        socklen_t size = sizeof t;
        getsockopt(fd, SOL_SOCKET, event == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO,
                   &t, &size);
        *timeout = (float)t.tv_sec + (float)t.tv_usec / 1e6f;
        if (*timeout == 0)
            *timeout = INFINITY;
    }
    return *timeout == INFINITY ? INFINITY : now() + (double)*timeout;
}

/* Wait until EVENT, POLLIN or POLLOUT, is reported of FD; DEADLINE is 0 in a
   call's first wait. False: errno tells why we cannot wait for it, or EAGAIN:
   the deadline has passed. */
static bool wait_for(int fd, unsigned event, double *deadline)
{
    if (!is_in_table(fd))
        return false;
    struct fd_state *f = &fds[fd];
    struct co_queue *queue = event == POLLIN ? &f->readers : &f->writers;
    unsigned closed = f->closed;
    bool in_time = true;
    if (!watch(fd, f->watched | event))
        return false;
    if (*deadline == 0)
        *deadline = find_deadline(fd, event);
    co_set_idle_hook(wait_for_events);
    waiting++;
    if (*deadline == INFINITY)
        co_wait(queue);
    else
        in_time = co_wait_until(queue, *deadline);
    waiting--;
    errno = f->closed == closed ? EAGAIN : EBADF; /* EBADF: co_close() */
    return in_time && f->closed == closed;
}

/* Wait until there is something to receive, then receive it. */
static ssize_t receive_some(int fd, void *buffer, size_t size, int flags,
                            double *deadline)
{
    ssize_t n;
    bool in_time;
    do { /* again if another coroutine or process has received it */
        in_time = wait_for(fd, POLLIN, deadline);
        if (!in_time && errno != EAGAIN)
            return -1;
        n = recv(fd, buffer, size, flags | MSG_DONTWAIT);
    } while (n < 0 && (errno == EINTR || (errno == EAGAIN && in_time)));
    return n;
}

/* MSG_WAITALL has an effect on stream sockets only (recv(2)). */
static bool is_stream(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    return type == SOCK_STREAM;
}

ssize_t co_recv(int fd, void *buffer, size_t size, int flags)
{
    if (flags & (MSG_DONTWAIT | MSG_OOB)) /* with these recv() does not wait */
        return recv(fd, buffer, size, flags);
    double deadline = 0;
    ssize_t n = receive_some(fd, buffer, size, flags, &deadline);
    if (n <= 0 || !(flags & MSG_WAITALL) || flags & MSG_PEEK || !is_stream(fd))
        return n;
    size_t received = (size_t)n;
    while (received < size && n > 0) {
        n = receive_some(fd, (char *)buffer + received, size - received,
                         flags, &deadline);
        received += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)received;
}

ssize_t co_send(int fd, const void *bytes, size_t size, int flags)
{
    size_t sent = 0;
    double deadline = 0;
    for (;;) {
        ssize_t n = send(fd, (const char *)bytes + sent, size - sent,
                         flags | MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        if (n >= 0 && (sent == size || flags & MSG_DONTWAIT))
            return (ssize_t)sent;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno != EAGAIN || flags & MSG_DONTWAIT))
            break;
        if (!wait_for(fd, POLLOUT, &deadline)) /* there was no room for all */
            break;
    }
    return sent > 0 ? (ssize_t)sent : -1;
}

/* Returns the flags that FD had before, or -1. */
static int make_non_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK) &&
        fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -1;
    return flags;
}

int co_accept(int fd, struct sockaddr *address, socklen_t *size)
{
    double deadline = 0;
    int client;
    do { /* again if the client has left, or another process has taken it */
        if (make_non_blocking(fd) < 0 || !wait_for(fd, POLLIN, &deadline))
            return -1;
        client = accept(fd, address, size);
    } while (client < 0 &&
             (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED));
    return client;
}

/* connect(), with FD non-blocking during this call only. */
static int start_connect(int fd, const struct sockaddr *address,
                         socklen_t size)
{
    int flags = make_non_blocking(fd);
    if (flags < 0)
        return -1;
    int result = connect(fd, address, size), error = errno;
    if (!(flags & O_NONBLOCK))
        fcntl(fd, F_SETFL, flags);
    errno = error;
    return result;
}

/* Where the backlog of a UNIX domain socket is full, connect() fails with
   EAGAIN, and the kernel reports no event when there is room: try again. */
static int retry_connect(int fd, const struct sockaddr *address,
                         socklen_t size)
{
    unsigned closed = fds[fd].closed;
    double deadline = 0;
    while (start_connect(fd, address, size) < 0) {
        if (errno != EAGAIN || address->sa_family != AF_UNIX)
            return -1;
        if (deadline == 0)
            deadline = find_deadline(fd, POLLOUT);
        errno = EAGAIN;
        if (now() >= deadline)
            return -1;
        co_sleep(0.01);
        errno = EBADF;
        if (fds[fd].closed != closed)
            return -1;
    }
    return 0;
}

/* After EINTR the kernel goes on connecting, so we never call connect() again:
   when the fd is writable, SO_ERROR is the result (UNP 5.9, 16.3). */
int co_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int error;
    socklen_t error_size = sizeof error;
    double deadline = 0;
    if (!is_in_table(fd))
        return -1;
    if (retry_connect(fd, address, size) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return -1;
    if (!wait_for(fd, POLLOUT, &deadline)) {
        errno = errno == EAGAIN ? EINPROGRESS : errno;
        return -1;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
        return -1;
    errno = error;
    return error == 0 ? 0 : -1;
}

int co_close(int fd)
{
    if (is_in_table(fd)) {
        fds[fd].closed++;
        fds[fd].read_timeout = fds[fd].write_timeout = 0;
        wake_all(&fds[fd]);
        watch(fd, 0); /* while another process has the socket open, close()
                         does not take it out of the epoll */
    }
    return close(fd);
}
