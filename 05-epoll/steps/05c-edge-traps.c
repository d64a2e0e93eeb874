/*
 * 05c-edge-traps: edge-triggered; broken by -a, -r or -b, right without.
 *
 *     make 05c                                              watch it play
 *     05-epoll/steps/05c-edge-traps [-p PORT (8080)] [-a] [-r] [-b]
 *
 *     -a  one accept() per event: other clients stay in the backlog
 *     -r  one recv() per event: bytes stay in the kernel
 *     -b  the client's socket blocks: after the last byte recv() sleeps
 *
 * epoll reports an edge once. So the server goes on until EAGAIN, and only a
 * socket that does not block returns EAGAIN. If the server stops before that,
 * epoll reports the rest only when something else comes.
 * The notes: 先来看个案例吧. Their server has -a -r -b, where -r hides -b.
 *
 *     epoll_wait: 1 ready
 *     fd 5: accept
 *     fd 5: 2048 bytes
 *     fd 5: 2048 bytes
 *     fd 5: 904 bytes
 */
#include "step.h"
#include <limits.h>

enum {
    READ_SIZE = 2048, /* bytes: the most that one recv() reads, as in the
                         notes */
    BATCH = 64,       /* events: the most of one epoll_wait() */
};

static int epoll_fd;

/* Accept one client. Returns whether there may be another one. */
static bool on_accept(int listener)
{
    int fd = accept_fd(listener, INT_MAX);
    if (fd < 0)
        return errno != EAGAIN;
    if (step.flag['b'])
        fcntl(fd, F_SETFL, 0);
    if (!watch_fd(epoll_fd, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET))
        close_fd(fd, strerror(errno));
    return !step.flag['a'];
}

/* Read once, and answer. Returns whether there may be more. This server keeps
   no pending bytes: it closes a client that does not read. */
static bool read_client(int fd)
{
    char buffer[READ_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && not_now())
        return errno == EINTR;
    if (n <= 0) {
        close_fd(fd, n == 0 ? "end of file" : strerror(errno));
        return false;
    }
    LOG("fd %d: %zd bytes", fd, n);
    upper(buffer, (size_t)n);
    if (send(fd, buffer, (size_t)n, 0) != n) {
        close_fd(fd, "it does not read");
        return false;
    }
    return !step.flag['r'];
}

int main(int argc, char **argv)
{
    step.port = 8080;
    begin_step(argc, argv, "p:arb", "[-p PORT (8080; 0: any free)] "
               "[-a (one accept)] [-r (one recv)] [-b (blocking)]");
    int listener = listen_on(step.port);
    bool accept_pending = false; /* there may be clients in the backlog */
    fcntl(listener, F_SETFL, O_NONBLOCK); /* the last accept() finds nothing */
    epoll_fd = open_epoll_for(listener, EPOLLIN | EPOLLET);

    for (;;) {
        struct epoll_event ready[BATCH];
        int n = epoll_wait(epoll_fd, ready, BATCH,
                           accept_pending && !out_of_fds ? 0 : -1);
        if (n < 0 && errno != EINTR)
            err(1, "epoll_wait");
        if (n > 0)
            LOG("epoll_wait: %d ready", n);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener)
                accept_pending = true;
            else
                while (read_client(fd))
                    continue; /* a client that sends without end keeps the
                                 others waiting: see 05d */
        }
        if (accept_pending && !out_of_fds) /* one in each round */
            accept_pending = on_accept(listener);
    }
}
