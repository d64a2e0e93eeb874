/*
 * 05-epoll, the client: thousands of connections, and one wait for all.
 *
 *     05-epoll/client [-p PORT] [-c CONNECTIONS]     type lines; Ctrl-D ends
 *
 * Look at exchange(): epoll_wait() returns only the connections that are
 * readable. The client has registered each connection once, when it opened it,
 * and walks over none of the others.
 * The notes: 5 实例 has a client with one connection; this one has a thousand.
 */
#ifndef __linux__
#error "05-epoll needs Linux; 06-selector works on other systems too"
#endif
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
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LESSON "05-epoll"
#define USAGE "usage: " LESSON "/client [-p PORT (9005)] " \
              "[-c CONNECTIONS (1000)]"
#define NO_ANSWER "%d of %d connections got no answer for %d s: does this " \
                  "server serve one client at a time?"

enum {
    DEFAULT_PORT = 9005,
    MOST = 65535,          /* connections: each has a local port */
    SPARE_FDS = 16,        /* for stdin, stdout, stderr, epoll and others */
    BATCH = 256,           /* events: the most of one epoll_wait() */
    BLOCK_SIZE = 8 * 1024, /* bytes sent before the client reads. If the kernel
                              could not hold them, both sides would block in
                              send() */
    TIME_LIMIT = 3,        /* seconds without any answer */
    QUOTED = 40,           /* bytes of the block in the report */
};

struct connection {
    int fd;
    size_t got; /* bytes of the answer, all of them right so far */
};

static struct connection all[MOST]; /* an unused one costs no memory */
static int epoll_fd;
static int connections = 1000;
/* Connections: without a complete answer yet, with a wrong one, closed by the
   server. All others have the right answer. */
static int waiting, wrong, gone;
static char block[BLOCK_SIZE], expected[BLOCK_SIZE];
static size_t typed; /* bytes in each of the two */

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

/* SIGALRM: connect() still blocks, because the server's backlog is full. */
static void give_up(int signal_number)
{
    static const char text[] = "client: the server does not accept any more: "
                               "does it serve one client at a time?\n";
    (void)signal_number;
    _exit(write(STDERR_FILENO, text, sizeof text - 1) < 0 ? 2 : 1);
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

/* Open one connection more, and register it with epoll, once. */
static void open_connection(struct connection *c, int port)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    alarm(TIME_LIMIT);
    c->fd = connect_to(port);
    alarm(0);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* Read from stdin; block until there is something. Returns the bytes read: a
   line from a terminal, a block from a pipe; 0 is the end. The client never
   sets O_NONBLOCK on stdin, which it shares with the shell. If another process
   has set it, sleep between two tries. */
static size_t read_input(char *bytes, size_t size)
{
    ssize_t n;
    while ((n = read(STDIN_FILENO, bytes, size)) < 0)
        if (errno == EAGAIN)
            sleep_ms(10);
        else if (errno != EINTR)
            err(1, "stdin");
    return (size_t)n;
}

/* Read whole lines, as many as there are. Only a line that is longer than the
   buffer is cut, and the last one may lack its newline. Returns false at the
   end of the input. */
static bool next_block(void)
{
    static size_t filled; /* bytes in block; the first TYPED were sent */
    static size_t n = 1;  /* of the last read; 0: the end of the input */
    memmove(block, block + typed, filled -= typed);
    while (n > 0 && filled < sizeof block) {
        n = read_input(block + filled, sizeof block - filled);
        filled += n;
        for (typed = filled; typed > 0; typed--)
            if (block[typed - 1] == '\n')
                return true;
    }
    typed = filled;
    return typed > 0;
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

/* Receive a part of the answer and check it. Returns whether this connection
   need not be waited for any longer: the answer is complete or wrong, or the
   server has closed the connection. */
static bool check_answer(struct connection *c)
{
    static char answer[BLOCK_SIZE];
    size_t missing = typed - c->got;
    ssize_t n = recv(c->fd, answer, sizeof answer, 0);
    if (n < 0 && errno == EINTR)
        return false;
    bool right = n > 0 && (size_t)n <= missing &&
                 memcmp(answer, expected + c->got, (size_t)n) == 0;
    if (right) {
        c->got += (size_t)n;
    } else {
        close(c->fd); /* removes it from epoll, too */
        gone += n <= 0;
        wrong += n > 0;
    }
    return missing > 0 && (!right || c->got == typed);
}

/* Send the block over all connections, and receive the answers. If send()
   fails, epoll_wait() reports the connection too. */
static void exchange(void)
{
    waiting = connections;
    for (int i = 0; i < connections; i++) {
        all[i].got = 0;
        send_all(all[i].fd, block, typed);
    }
    while (waiting > 0) {
        struct epoll_event ready[BATCH];
        int n = epoll_wait(epoll_fd, ready, BATCH, TIME_LIMIT * 1000);
        if (n < 0 && errno != EINTR)
            err(1, "epoll_wait");
        if (n == 0)
            return;
        for (int i = 0; i < n; i++)
            waiting -= check_answer(ready[i].data.ptr);
    }
}

/* Print the first QUOTED bytes of the block as a C string. */
static void print_quoted(void)
{
    putchar('"');
    for (size_t i = 0; i < typed && i < QUOTED; i++)
        if (block[i] == '\n')
            fputs("\\n", stdout);
        else if (block[i] == '"' || block[i] == '\\')
            printf("\\%c", block[i]);
        else if (' ' <= block[i] && block[i] <= '~')
            putchar(block[i]);
        else
            printf("\\x%02x", (unsigned char)block[i]);
    fputs(typed > QUOTED ? "...\"" : "\"", stdout);
}

/* Print the result. If not all answers are right, end with exit status 1. */
static void report(double ms)
{
    int answers = connections - waiting - gone;
    printf("%d answer%s to ", answers, answers == 1 ? "" : "s");
    print_quoted();
    if (answers == connections && wrong == 0)
        printf(", all right, %.0f ms\n", ms);
    else
        printf(", %d wrong, %d missing, %.0f ms\n", wrong, waiting + gone, ms);
    if (fflush(stdout) != 0)
        err(1, "stdout");
    if (waiting > 0)
        errx(1, NO_ANSWER, waiting, connections, TIME_LIMIT);
    if (gone > 0)
        errx(1, "the server has gone: it closed %d of %d connections", gone,
             connections);
    if (wrong > 0)
        exit(1);
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
    int port = DEFAULT_PORT;
    int option;
    while ((option = getopt(argc, argv, "p:c:")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 1, 65535); break;
        case 'c': connections = parse_number(optarg, 1, MOST); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    signal(SIGALRM, give_up);
    make_room_for(connections);
    if ((epoll_fd = epoll_create1(0)) < 0)
        err(1, "epoll_create1");
    for (int i = 0; i < connections; i++)
        open_connection(&all[i], port);
    if (isatty(STDIN_FILENO))
        warnx("connected to 127.0.0.1:%d; type, Ctrl-D ends", port);

    while (next_block()) {
        double start = now_ms();
        memcpy(expected, block, typed);
        upper(expected, typed);
        exchange();
        report(now_ms() - start);
    }
}
