/*
 * 08-coroutines, the client: a hundred coroutines, each with a connection.
 *
 *     08-coroutines/client [-p PORT] [-c CLIENTS] [-n MESSAGES of each]
 *
 * Look at send_and_check(), and exchange() above it: connect, send, receive,
 * check, in this order, as if there were no other connection. Each call makes
 * only its own coroutine wait. The hundred coroutines run in one thread, so
 * the count of answers needs no lock.
 * The notes: 高并发的socket_server (its client, there with threads).
 *
 *     100 clients x 100 messages: 10000 answers, all right, 71 ms
 */
#include "co.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LESSON "08-coroutines"
#define USAGE "usage: " LESSON "/client [-p PORT (9008)] [-c CLIENTS (100)] " \
              "[-n MESSAGES of each (100)]"

/* From here on these names mean the module's functions, as in server.c. */
#define close co_close
#define connect co_connect
#define recv co_recv
#define send co_send

enum {
    DEFAULT_PORT = 9008,
    MAX_CLIENTS = 28000,  /* each needs a local port; Linux has 28,232 */
    MAX_MESSAGES = 10000, /* of each client */
    SPARE_FDS = 16, /* for stdin, stdout, stderr, epoll, and inherited ones */
    MESSAGE_SIZE = sizeof "hello 28000 10000", /* bytes of the longest one */
};

static int server_port = DEFAULT_PORT;
static int connections = 100, messages = 100;
static int answers; /* that have come and are right, on all connections */

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* Raise the limit of open files so far that all connections fit. */
static void make_room_for(int count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)count + SPARE_FDS)
        limit.rlim_cur = (rlim_t)count + SPARE_FDS;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        errx(1, "%d connections and %d other fds do not fit below the hard "
             "limit, %lld (ulimit -Hn); try fewer with -c", count,
             SPARE_FDS, (long long)limit.rlim_max);
}

/* A signal has interrupted connect(). The kernel connects all the same: wait
   until the socket is writable; then getsockopt() writes the result into errno
   (Stevens, UNIX Network Programming, 5.9). */
static bool finish_connect(int fd)
{
    struct pollfd writable = { .fd = fd, .events = POLLOUT };
    while (poll(&writable, 1, -1) < 0 && errno == EINTR)
        continue;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &(socklen_t){ sizeof errno });
    return errno == 0;
}

/* Connect to the server; block until the connection is there. */
static int connect_to(int port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        !(errno == EINTR && finish_connect(fd)))
        errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
             "or give another server's port with -p", port, strerror(errno));
    return fd;
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

/* Receive exactly LENGTH bytes, which may arrive in pieces. Returns false when
   the connection is gone. */
static bool receive_all(int fd, char *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        ssize_t n = recv(fd, bytes + got, length - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

/* Send this client's message number MESSAGE, and check its answer. */
static void exchange(int fd, int client, int message)
{
    char text[MESSAGE_SIZE], answer[MESSAGE_SIZE];
    size_t length = (size_t)snprintf(text, sizeof text, "hello %d %d", client,
                                     message);
    if (!send_all(fd, text, length) || !receive_all(fd, answer, length))
        errx(1, "the server has gone: %d of %d answers have come", answers,
             connections * messages);
    upper(text, length);
    if (memcmp(text, answer, length) != 0)
        errx(1, "a wrong answer: '%.*s', not '%s'", (int)length, answer, text);
    answers++; /* no lock: no coroutine switches here */
}

/* What each coroutine runs: one connection from its start to its end. */
static void *send_and_check(void *client)
{
    int fd = connect_to(server_port);
    for (int message = 0; message < messages; message++)
        exchange(fd, (int)(intptr_t)client, message);
    close(fd);
    return NULL;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
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
    int option;
    while ((option = getopt(argc, argv, "p:c:n:")) != -1)
        switch (option) {
        case 'p': server_port = parse_number(optarg, 1, 65535); break;
        case 'c': connections = parse_number(optarg, 1, MAX_CLIENTS); break;
        case 'n': messages = parse_number(optarg, 1, MAX_MESSAGES); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    make_room_for(connections);
    double start = now_ms();
    for (int i = 0; i < connections; i++)
        if (co_spawn("client", send_and_check, (void *)(intptr_t)i) == NULL)
            err(1, "co_spawn, number %d of %d; try fewer with -c", i + 1,
                connections);
    co_join_all();
    printf("%d clients x %d messages: %d answers, all right, %.0f ms\n",
           connections, messages, answers, now_ms() - start);
    return 0;
}
