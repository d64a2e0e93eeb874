/*
 * 04-poll, the client: several connections, and one wait for all of them.
 *
 *     04-poll/client [-p PORT] [-c CONNECTIONS]     type lines; Ctrl-D ends
 *
 * Look at exchange(): what you type goes out over all connections, and poll()
 * sleeps until any of them has something. The answers come in any order, and
 * a slow one keeps nobody waiting. (At the keyboard it waits like 01.)
 * The notes: (2)poll简介, which has no listing; this is one.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "04-poll"
#define USAGE "usage: " LESSON "/client [-p PORT (9004)] [-c CONNECTIONS (3)]"
#define NO_ANSWER "%d of %d connections got no answer for %d s: does this " \
                  "server serve one client at a time?"

enum {
    DEFAULT_PORT = 9004,
    MOST = 1000,            /* connections: the usual limit of fds is 1,024 */
    BLOCK_SIZE = 32 * 1024, /* bytes sent before we read: if more than the
                               kernel holds, both sides would wait to send */
    TIME_LIMIT = 3,         /* seconds without any answer */
};

struct connection {
    int fd;
    size_t got; /* bytes of the answer */
    char answer[BLOCK_SIZE];
};

static struct connection all[MOST]; /* untouched, they cost nothing */
static struct pollfd fds[MOST];     /* the question to poll() */
static int connections = 3;
static char block[BLOCK_SIZE]; /* what was typed, and how much of it ... */
static size_t typed;           /* ... is sent and answered now */

/* A recv() or send() returned this and there is no going on: 0, or -1. */
static _Noreturn void server_gone(ssize_t result)
{
    errx(1, "the server has gone: %s",
         result == 0 ? "end of file" : strerror(errno));
}

/* Connect to the server, and wait until that is done. */
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
    while (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        if (errno != EINTR)
            errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
                 "or name another one's port with -p", port, strerror(errno));
    return fd;
}

/* Wait for what is typed: a line at a terminal, a block from a pipe; 0 is its
   end. We never make stdin non-blocking, for the shell shares it with us. If
   another program has done so, a nap is better than a spin. */
static size_t read_input(char *bytes, size_t size)
{
    ssize_t n;
    while ((n = read(STDIN_FILENO, bytes, size)) < 0)
        if (errno == EAGAIN)
            usleep(10000);
        else if (errno != EINTR)
            err(1, "stdin");
    return (size_t)n;
}

/* Wait for whole lines, as many as come at once. Only a line that is longer
   than the buffer is cut, and the last one may lack its end. */
static bool next_block(void)
{
    static size_t filled; /* bytes of it; the first TYPED ones were sent */
    static size_t n = 1;  /* of the last read; 0: the end, for good */
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

/* Send all of it. send() waits for room, but may still stop half-way. */
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

/* Each line with the number of the connection before it. */
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

/* Take what has come. True: with it the answer is whole. */
static bool receive(struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->got, typed - c->got, 0);
    if (n < 0 && errno == EINTR)
        return false;
    if (n <= 0)
        server_gone(n);
    c->got += (size_t)n;
    return c->got == typed;
}

/* Send the block over all connections, and take their answers. Where send()
   fails, poll() tells of it too. */
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
            if (fds[i].revents != 0 && receive(&all[i])) {
                print_answer(&all[i]);
                fds[i].fd = -1; /* poll() skips it */
                waiting--;
            }
    }
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
    int port = DEFAULT_PORT;
    int option;
    while ((option = getopt(argc, argv, "p:c:")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 1, 65535); break;
        case 'c': connections = number(optarg, 1, MOST); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    for (int i = 0; i < connections; i++)
        all[i].fd = connect_to(port);
    if (isatty(STDIN_FILENO))
        warnx("connected to 127.0.0.1:%d; type, Ctrl-D ends", port);

    while (next_block())
        exchange();
}
