/*
 * 04-poll, the client: several connections, and one wait for all of them.
 *
 *     04-poll/client [-p PORT] [-c CONNECTIONS]     type lines; Ctrl-D ends
 *
 * Look at exchange(): the client sends each line over all its connections, and
 * poll() sleeps until one of them is readable. The answers arrive in any
 * order; a slow one does not delay the others. (While you type, the client
 * blocks in read(), as the one of lesson 01 does.)
 * The notes: (2)poll简介, which has no listing; this is one.
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

#define LESSON "04-poll"
#define USAGE "usage: " LESSON "/client [-p PORT (9004)] [-c CONNECTIONS (3)]"
#define NO_ANSWER "%d of %d connections got no answer for %d s: does this " \
                  "server serve one client at a time?"

enum {
    DEFAULT_PORT = 9004,
    MOST = 1000,            /* connections; the usual limit is 1,024 fds */
    BLOCK_SIZE = 32 * 1024, /* bytes sent before the client reads. If the
                               kernel could not hold them, both sides would
                               block in send() */
    TIME_LIMIT = 3,         /* seconds without any answer */
};

struct connection {
    int fd;
    size_t got; /* bytes of the answer */
    char answer[BLOCK_SIZE];
};

static struct connection all[MOST]; /* an unused one costs no memory */
static struct pollfd fds[MOST];     /* what poll() is to test */
static int connections = 3;
static char block[BLOCK_SIZE]; /* the input */
static size_t typed;           /* bytes of it that the client sends now */

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

/* Print each line of the answer, after the number of its connection. */
static void print_answer(const struct connection *c)
{
    for (size_t i = 0, n; i < typed; i += n + 1) {
        const char *newline = memchr(c->answer + i, '\n', typed - i);
        n = (newline == NULL ? typed : (size_t)(newline - c->answer)) - i;
        printf("%d: ", (int)(c - all) + 1);
        fwrite(c->answer + i, 1, n, stdout);
        putchar('\n');
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        err(1, "stdout");
}

/* Receive a part of the answer. Returns whether the answer is complete. */
static bool read_answer(struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->got, typed - c->got, 0);
    if (n < 0 && errno == EINTR)
        return false;
    if (n <= 0)
        server_gone(n);
    c->got += (size_t)n;
    return c->got == typed;
}

/* Send the block over all connections, and receive the answers. If send()
   fails, poll() reports the connection too. */
static void exchange(void)
{
    int waiting = connections;
    for (int i = 0; i < connections; i++) {
        all[i].got = 0;
        send_all(all[i].fd, block, typed);
        fds[i] = (struct pollfd){ .fd = all[i].fd, .events = POLLIN };
    }
    while (waiting > 0) {
        int n = poll(fds, (nfds_t)connections, TIME_LIMIT * 1000);
        if (n < 0 && errno != EINTR)
            err(1, "poll");
        if (n == 0)
            errx(1, NO_ANSWER, waiting, connections, TIME_LIMIT);
        for (int i = 0; i < connections && n > 0; i++)
            if (fds[i].revents != 0 && read_answer(&all[i])) {
                print_answer(&all[i]);
                fds[i].fd = -1; /* poll() skips it */
                waiting--;
            }
    }
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
    for (int i = 0; i < connections; i++)
        all[i].fd = connect_to(port);
    if (isatty(STDIN_FILENO))
        warnx("connected to 127.0.0.1:%d; type, Ctrl-D ends", port);

    while (next_block())
        exchange();
}
