/*
 * 05c-edge-traps: edge-triggered; broken by -a, -r or -b, right without.
 *
 *     make 05c                                              watch it play
 *     05-epoll/steps/05c-edge-traps [-p PORT (8080)] [-a] [-r] [-b]
 *
 *     -a  one accept() per event: who came with others is left in the backlog
 *     -r  one recv() per event: what is more than the buffer is left behind
 *     -b  the client's socket blocks: after the last byte, recv() waits
 *
 * An edge is told once, so go on until EAGAIN, which only a socket that does
 * not block can say. What is left behind is told when something else comes.
 * The notes: 先来看个案例吧. Theirs is -a -r -b, where -r hides -b.
 *
 *     epoll_wait: 1 ready
 *     fd 5: accept
 *     fd 5: 2048 bytes
 *     fd 5: 2048 bytes
 *     fd 5: 904 bytes
 */
#ifndef __linux__
#error "05-epoll needs Linux; the lessons before it work on other systems too"
#endif
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "05-epoll/steps/05c-edge-traps"
#define USAGE "usage: " LESSON " [-p PORT (8080; 0: any free)] " \
              "[-a (one accept)] [-r (one recv)] [-b (blocking)]"

enum {
    READ_SIZE = 2048, /* bytes: the most that one recv() takes, as theirs */
    BATCH = 64,       /* events fetched by one epoll_wait() */
};

static int epoll_fd;
static bool full; /* no fd left: accept nobody until one leaves */
static bool one_accept, one_recv, blocking;

#define LOG(...) (printf("%s:%d: ", __FILE__, __LINE__), \
                  printf(__VA_ARGS__), putchar('\n'))

/* Listen on 127.0.0.1 and say so; port 0 is any free one. */
static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0)
        err(1, "socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf(LESSON ": listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    return listener;
}

/* a-z become A-Z, every other byte stays. There is no if in the loop, so the
   compiler can work on 16 bytes at once instead of guessing at each. (Inlined
   into main(), which runs but once, gcc does not take that trouble.) */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

static bool watch(int fd)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = fd };
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void close_client(int fd, const char *why)
{
    LOG("fd %d: close: %s", fd, why);
    close(fd);
    full = false;
}

/* Let one client in. Returns whether there may be another one. */
static bool welcome(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 && errno == EAGAIN)
        return false;
    if (fd < 0) {
        full = errno == EMFILE;
        LOG("accept: %s", strerror(errno));
        usleep(10000); /* it may fail again: a nap is better than a spin */
        return true;
    }
    LOG("fd %d: accept", fd);
    fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK);
    if (!watch(fd))
        close_client(fd, strerror(errno));
    return !one_accept;
}

/* Read once, and answer. Returns whether there may be more. We keep nothing
   that the kernel has no room for: who does not read is closed. */
static bool serve(int fd)
{
    char buffer[READ_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (n <= 0) {
        close_client(fd, n == 0 ? "end of file" : strerror(errno));
        return false;
    }
    LOG("fd %d: %zd bytes", fd, n);
    upper(buffer, (size_t)n);
    if (send(fd, buffer, (size_t)n, 0) != n) {
        close_client(fd, "it does not read");
        return false;
    }
    return !one_recv;
}

static int number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        errx(2, "'%s' is not a number from %d to %d\n%s", text, least, most,
             USAGE);
    return (int)n;
}

int main(int argc, char **argv)
{
    int port = 8080;
    int option;
    while ((option = getopt(argc, argv, "p:arb")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 'a': one_accept = true; break;
        case 'r': one_recv = true; break;
        case 'b': blocking = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    int listener = listen_on(port);
    bool knocking = false; /* somebody may be in the backlog */
    fcntl(listener, F_SETFL, O_NONBLOCK); /* the last accept() must not wait */
    if ((epoll_fd = epoll_create1(0)) < 0 || !watch(listener))
        err(1, "epoll");

    for (;;) {
        struct epoll_event ready[BATCH];
        int n = epoll_wait(epoll_fd, ready, BATCH,
                           knocking && !full ? 0 : -1);
        if (n < 0 && errno != EINTR)
            err(1, "epoll_wait");
        if (n > 0)
            LOG("epoll_wait: %d ready", n);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener)
                knocking = true;
            else
                while (serve(fd))
                    continue; /* one who never pauses keeps us: see 05d */
        }
        if (knocking && !full) /* one a round: in turn with the others */
            knocking = welcome(listener);
    }
}
