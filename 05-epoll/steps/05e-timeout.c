/*
 * 05e-timeout: "nothing for 10 seconds", told by the wait's own timeout.
 *
 *     make 05e                                     watch it play a scene
 *     05-epoll/steps/05e-timeout [-p PORT (6666)] [-s SECONDS (0.2)]
 *
 * SECONDS is how long one second of the notes lasts. Look at what begins anew
 * with each epoll_wait(): any event puts the message off, whoever it is from.
 * So it says that nobody has spoken, never that this one has not; for that,
 * each client needs a time of its own. The call counts in milliseconds.
 * The notes: 5 实例. Theirs wakes every 10 s for nothing; this one tells once.
 *
 *     fd 5: accept
 *     fd 5: 6 bytes
 *     nothing for 10 s
 *     fd 5: close: end of file
 *     nothing for 10 s
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

#define LESSON "05-epoll/steps/05e-timeout"
#define USAGE "usage: " LESSON " [-p PORT (6666; 0: any free)] " \
              "[-s SECONDS (0.2)]"

enum {
    READ_SIZE = 1024, /* bytes: the most that one recv() takes, as theirs */
    BATCH = 64,       /* events fetched by one epoll_wait() */
    QUIET = 10,       /* seconds of the notes; then we say so */
};

static int epoll_fd;
static bool full; /* no fd left: accept nobody until one leaves */

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

static bool watch(int fd, int change, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    return epoll_ctl(epoll_fd, change, fd, &event) == 0;
}

static void close_client(int fd, const char *why)
{
    LOG("fd %d: close: %s", fd, why);
    close(fd);
    full = false;
}

/* Without a free fd we ask for nobody until one leaves. */
static void welcome(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        full = errno == EMFILE;
        LOG("accept: %s", strerror(errno));
        usleep(10000); /* it may fail again: a nap is better than a spin */
        return;
    }
    LOG("fd %d: accept", fd);
    fcntl(fd, F_SETFL, O_NONBLOCK); /* whatever epoll said, no call waits */
    if (!watch(fd, EPOLL_CTL_ADD, EPOLLIN))
        close_client(fd, strerror(errno));
}

/* Read once, and answer: level-triggered, we are told of the rest. We keep
   nothing that the kernel has no room for: who does not read is closed. */
static void serve(int fd)
{
    char buffer[READ_SIZE];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        close_client(fd, n == 0 ? "end of file" : strerror(errno));
        return;
    }
    LOG("fd %d: %zd bytes", fd, n);
    upper(buffer, (size_t)n);
    if (send(fd, buffer, (size_t)n, 0) != n)
        close_client(fd, "it does not read");
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
    int port = 6666;
    double second = 0.2;
    int option;
    while ((option = getopt(argc, argv, "p:s:")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 's': second = atof(optarg); break;
        default: errx(2, USAGE);
        }
    if (optind < argc || second <= 0 || second > 1000)
        errx(2, USAGE);

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    int listener = listen_on(port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */
    if ((epoll_fd = epoll_create1(0)) < 0 ||
        !watch(listener, EPOLL_CTL_ADD, EPOLLIN))
        err(1, "epoll");

    bool told = false; /* once is enough: then sleep until there is news */
    for (;;) {
        struct epoll_event ready[BATCH];
        /* server.c keeps in mind what epoll knows, and saves this call. */
        watch(listener, EPOLL_CTL_MOD, full ? 0 : EPOLLIN);
        int ms = told ? -1 : (int)(QUIET * second * 1000);
        int n = epoll_wait(epoll_fd, ready, BATCH, ms);
        if (n < 0 && errno == EINTR)
            continue; /* the wait begins anew, too */
        if (n < 0)
            err(1, "epoll_wait");
        told = n == 0;
        if (told)
            LOG("nothing for %d s", QUIET);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener)
                welcome(listener);
            else
                serve(fd);
        }
    }
}
