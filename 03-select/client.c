/*
 * 03-select, the client: the keyboard and the server at the same time.
 *
 *     03-select/client [-p PORT]     type lines; Ctrl-D ends
 *
 * Look at main(): select() sleeps until one of them has something. An answer
 * may come while you type, and if the server goes while you think, you hear
 * of it at once. (With 01 you do not.)
 * The notes: 三. IO multiplexing, whose client only sends.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "03-select"
#define USAGE "usage: " LESSON "/client [-p PORT (9003)]"

enum {
    DEFAULT_PORT = 9003,
    BLOCK_SIZE = 64 * 1024, /* bytes: the most read at once, and kept */
};

static char block[BLOCK_SIZE]; /* what was typed last ... */
static size_t typed, sent;     /* ... and how much of it the kernel took */
static long long due;          /* bytes of answer that are still to come */
static bool input_ended;

/* A recv() or send() returned this and there is no going on: 0, or -1. */
static _Noreturn void server_gone(ssize_t result)
{
    errx(1, "the server has gone: %s",
         result == 0 ? "end of file" : strerror(errno));
}

static bool not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
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

/* Answers go to stdout as they are, and at once. */
static void print(const char *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) < length || fflush(stdout) != 0)
        err(1, "stdout");
}

/* Something is typed. Its end is our half-close: the server still answers
   what it has got, and closes then. */
static void take_input(int fd)
{
    typed = read_input(block, sizeof block);
    sent = 0;
    due += (long long)typed;
    input_ended = typed == 0;
    if (input_ended)
        shutdown(fd, SHUT_WR);
}

/* The kernel takes what it has room for; the rest stays where it is. */
static void send_rest(int fd)
{
    ssize_t n = send(fd, block + sent, typed - sent, 0);
    if (n < 0 && !not_now())
        server_gone(n);
    sent += n > 0 ? (size_t)n : 0;
}

/* Print what has come. False: that was all, and the server has closed. */
static bool receive(int fd)
{
    char answer[BLOCK_SIZE];
    ssize_t n = recv(fd, answer, sizeof answer, 0);
    if (n < 0 && not_now())
        return true;
    if (n <= 0 && input_ended && due <= 0)
        return false;
    if (n <= 0)
        server_gone(n);
    print(answer, (size_t)n);
    due -= n;
    return true;
}

/* At a terminal: who we are in the server's log. */
static void greet(int fd)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    if (isatty(STDIN_FILENO) &&
        getsockname(fd, (struct sockaddr *)&own, &size) == 0)
        warnx("connected as 127.0.0.1:%d; type lines, Ctrl-D ends",
              ntohs(own.sin_port));
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
    while ((option = getopt(argc, argv, "p:")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 1, 65535); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    int fd = connect_to(port);
    if (fd >= FD_SETSIZE)
        errx(1, "fd %d: an fd_set ends at FD_SETSIZE, %d", fd, FD_SETSIZE);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    greet(fd);

    for (;;) {
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_SET(fd, &readable);
        if (sent < typed) /* back-pressure: first away with this */
            FD_SET(fd, &writable);
        else if (!input_ended)
            FD_SET(STDIN_FILENO, &readable);
        int n = select(fd + 1, &readable, &writable, NULL, NULL);
        if (n < 0 && errno == EINTR)
            continue; /* and what is in the sets means nothing */
        if (n < 0)
            err(1, "select");
        if (FD_ISSET(fd, &readable) && !receive(fd))
            return 0;
        if (FD_ISSET(STDIN_FILENO, &readable))
            take_input(fd);
        if (sent < typed)
            send_rest(fd);
    }
}
