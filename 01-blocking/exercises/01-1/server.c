/*
 * 01-blocking: one client at a time; every call waits until it is done.
 *
 *     make 01-blocking                     watch it play a scene
 *     01-blocking/server [-p PORT] [-q]    or run it by itself
 *
 * Look at serve_client(): it serves one client from the first byte to the last
 * and sleeps in recv() while the client thinks. All other clients wait.
 * The notes: 一. blocking IO, put right.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LESSON "01-blocking"
#define USAGE "usage: " LESSON "/server [-p PORT (9001; 0: any free)] " \
              "[-q (no log)]"

enum {
    DEFAULT_PORT = 9001,
    BACKLOG = 4096, /* clients that may wait for accept(); the kernel has a
                       limit of its own, net.core.somaxconn on Linux */
    BUFFER_SIZE = 64 * 1024, /* bytes: one recv() takes no more than this */
};

static bool quiet;

/* A log line: its place in this file, and what happened there. */
#define LOG(format, ...) \
    ((void)(quiet || printf("%s:%d: " format "\n", \
                            __FILE__, __LINE__, __VA_ARGS__)))

/* SIGINT and SIGTERM. The kernel frees all sockets and memory when the process
   ends, so the handler may interrupt anything; it calls only functions that
   are safe in a handler (signal-safety(7)). If the log is a full pipe that
   nobody reads, write() would block: then poll() returns 0, and the process
   ends without "bye". */
static void say_bye(int signal_number)
{
    struct pollfd log = { .fd = STDOUT_FILENO, .events = POLLOUT };
    (void)signal_number;
    if (poll(&log, 1, 0) == 1 && write(STDOUT_FILENO, "bye\n", 4) < 4)
        _exit(1);
    _exit(0);
}

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* usleep() is not in POSIX any more. */
static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Listen on 127.0.0.1 and print the port. Port 0 is any free one. With
   SO_REUSEADDR, old connections in TIME_WAIT do not make bind() fail. */
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
        listen(listener, BACKLOG) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%s: listening on 127.0.0.1:%d\n", LESSON, ntohs(address.sin_port));
    return listener;
}

/* a-z become A-Z. There is no "if" in it, so the compiler can change many
   bytes at once: see lesson 01. */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

/* Send all bytes. send() blocks until there is room, and a signal may still
   stop it half-way. Returns false, with errno, when the connection is gone. */
static bool send_all(int fd, const char *bytes, size_t length)
{
    for (size_t sent = 0; sent < length;) {
        ssize_t n = send(fd, bytes + sent, length - sent, 0);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* Serve one client from its first byte to its last. */
static void serve_client(int fd, const char *name)
{
    (void)upper, (void)send_all; /* these are yours to call */
    static int todo = 1; /* TODO 01-1: your lines, in place of these */
    if (todo && !quiet)
        warnx("TODO 01-1: "
              "receive, upper(), send_all(), until the client has ended");
    todo = 0;
    LOG("%s: close", name);
    close(fd);
}

/* An option's number, from LEAST to MOST. */
static int parse_number(const char *text, int least, int most)
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
    int port = DEFAULT_PORT;
    int option;
    while ((option = getopt(argc, argv, "p:q")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 0, 65535); break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    signal(SIGINT, say_bye);
    signal(SIGTERM, say_bye);
    int listener = listen_on(port);

    for (;;) {
        struct sockaddr_in peer = { .sin_port = 0 };
        socklen_t size = sizeof peer;
        char name[sizeof "255.255.255.255:65535"];

        LOG("accept: waiting, fd %d", listener);
        int fd = accept(listener, (struct sockaddr *)&peer, &size);
        if (fd < 0) {
            LOG("accept: %s", strerror(errno));
            sleep_ms(10); /* no fd, no memory: try again, but not at once */
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        snprintf(name, sizeof name, "%s:%d", inet_ntoa(peer.sin_addr),
                 ntohs(peer.sin_port));
        LOG("%s: accept: fd %d", name, fd);
        serve_client(fd, name);
    }
}
