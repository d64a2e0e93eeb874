/*
 * 01-blocking, the client: read, send, receive, print; one after the other.
 *
 *     01-blocking/client [-p PORT]     type lines; Ctrl-D ends
 *
 * Look at main(): each call blocks until it is done. While the client sleeps
 * in one call, it cannot see what another one would return. Stop the server
 * while the client waits for the keyboard: it notices only when you type.
 * (03's client notices at once.)
 * The notes: 测试的客户端 (the client to test with), put right.
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
#define USAGE "usage: " LESSON "/client [-p PORT (9001)]"

enum {
    DEFAULT_PORT = 9001,
    BLOCK_SIZE = 32 * 1024, /* bytes sent before the client reads. If the
                               kernel could not hold them, both sides would
                               block in send() */
};

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

/* recv() returned 0 or -1, or send() returned -1: the connection has ended. */
static _Noreturn void server_gone(ssize_t result)
{
    errx(1, "the server has gone: %s",
         result == 0 ? "end of file" : strerror(errno));
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

/* Write an answer to stdout as it is, and at once. */
static void print(const char *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) < length || fflush(stdout) != 0)
        err(1, "stdout");
}

/* On a terminal, print the address that stands in the server's log. */
static void greet(int fd)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    if (isatty(STDIN_FILENO) &&
        getsockname(fd, (struct sockaddr *)&own, &size) == 0)
        warnx("connected as 127.0.0.1:%d; type lines, Ctrl-D ends",
              ntohs(own.sin_port));
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
    while ((option = getopt(argc, argv, "p:")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 1, 65535); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    int fd = connect_to(port);
    greet(fd);

    for (;;) {
        char block[BLOCK_SIZE];
        size_t due = read_input(block, sizeof block); /* keyboard */
        if (due == 0)
            return 0;
        if (!send_all(fd, block, due)) /* waits for room */
            server_gone(-1);
        while (due > 0) {
            ssize_t n = recv(fd, block, due, 0); /* waits for the server */
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                server_gone(n);
            print(block, (size_t)n);
            due -= (size_t)n;
        }
    }
}
