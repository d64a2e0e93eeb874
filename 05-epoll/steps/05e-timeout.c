/*
 * 05e-timeout: "nothing for 10 seconds", by the timeout of epoll_wait().
 *
 *     make 05e                                     watch it play a scene
 *     05-epoll/steps/05e-timeout [-p PORT (6666)] [-s SECONDS (0.2)]
 *
 * SECONDS is how long one second of the notes lasts. Look at the timeout: it
 * begins again with each epoll_wait(), so an event of any client puts the
 * message off. "nothing" means that no client has sent anything. It does not
 * mean that one certain client was silent: for that, each client needs a clock
 * of its own. The timeout is in milliseconds.
 * The notes: 5 实例. Their server wakes every 10 s; this one prints once.
 *
 *     fd 5: accept
 *     fd 5: 6 bytes
 *     nothing for 10 s
 *     fd 5: close: end of file
 *     nothing for 10 s
 */
#include "step.h"
#include <limits.h>

enum {
    READ_SIZE = 1024, /* bytes: the most that one recv() reads, as in the
                         notes */
    BATCH = 64,       /* events: the most of one epoll_wait() */
    TIMEOUT = 10,     /* seconds of the notes */
};

static int epoll_fd;

static void on_accept(int listener)
{
    int fd = accept_fd(listener, INT_MAX);
    if (fd >= 0 && !watch_fd(epoll_fd, EPOLL_CTL_ADD, fd, EPOLLIN))
        close_fd(fd, strerror(errno));
}

/* Read once, and answer: level-triggered, epoll reports the rest again. This
   server keeps no pending bytes: it closes a client that does not read. */
static void read_client(int fd)
{
    char buffer[READ_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && not_now())
        return;
    if (n <= 0) {
        close_fd(fd, n == 0 ? "end of file" : strerror(errno));
        return;
    }
    LOG("fd %d: %zd bytes", fd, n);
    upper(buffer, (size_t)n);
    if (send(fd, buffer, (size_t)n, 0) != n)
        close_fd(fd, "it does not read");
}

int main(int argc, char **argv)
{
    step.port = 6666;
    begin_step(argc, argv, "p:s:", "[-p PORT (6666; 0: any free)] "
               "[-s SECONDS (0.2)]");
    int listener = listen_on(step.port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() must not block */
    epoll_fd = open_epoll_for(listener, EPOLLIN);

    bool printed = false; /* then sleep until the next event */
    for (;;) {
        struct epoll_event ready[BATCH];
        /* In each round, for simplicity; server.c makes this call only when
           the events have changed. */
        watch_fd(epoll_fd, EPOLL_CTL_MOD, listener, out_of_fds ? 0 : EPOLLIN);
        int ms = printed ? -1 : (int)(TIMEOUT * step.second * 1000);
        int n = epoll_wait(epoll_fd, ready, BATCH, ms);
        if (n < 0 && errno == EINTR)
            continue; /* the timeout begins again, too */
        if (n < 0)
            err(1, "epoll_wait");
        printed = n == 0;
        if (printed)
            LOG("nothing for %d s", TIMEOUT);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener)
                on_accept(listener);
            else
                read_client(fd);
        }
    }
}
