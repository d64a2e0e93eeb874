/*
 * 03-select, the client: the keyboard and the server at the same time.
 *
 *     03-select/client [-p PORT]         type; Ctrl-D ends it
 *
 * Look at main(): select() watches both, so an answer is printed while you
 * type, and if the server goes you hear of it at once. Try that with the
 * client of lesson 01.
 */
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
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "03-select"
#define USAGE "usage: " LESSON "/client [-p PORT (9003)]"

enum { DEFAULT_PORT = 9003, BLOCK_SIZE = 64 * 1024 /* bytes */ };

static char typed[BLOCK_SIZE]; /* what was read and is not yet sent: */
static size_t typed_size, sent; /* typed[sent] to typed[typed_size - 1] */
static size_t awaited;          /* bytes of answer still to come */
static bool input_ended;

/* A connection to the server on this machine. */
static int connect_to(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        errx(1, "connect to 127.0.0.1:%d: %s; start a server there, like "
             "%s/server, or name its port with -p", port, strerror(errno),
             LESSON);
    return fd;
}

/* All of it, to a socket or to the screen. */
static void write_all(int fd, const char *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, bytes + done, length - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            err(1, fd == STDOUT_FILENO ? "standard output"
                                    : "the server has gone: send");
    }
}

/* What was typed: a line, or a block if it comes from a pipe. 0: the end. */
static size_t read_input(char *bytes, size_t size)
{
    ssize_t n;
    while ((n = read(STDIN_FILENO, bytes, size)) < 0)
        if (errno != EINTR)
            err(1, "standard input");
    return (size_t)n;
}

/* There is something to read from the server: an answer, or its end. */
static void print_answer(int fd)
{
    char answer[BLOCK_SIZE];
    ssize_t n = recv(fd, answer, sizeof answer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == 0 && input_ended && awaited == 0)
        exit(0);
    if (n <= 0)
        errx(1, "the server has gone (recv: %s); %zu bytes are missing",
             n == 0 ? "end of file" : strerror(errno), awaited);
    write_all(STDOUT_FILENO, answer, (size_t)n);
    awaited -= (size_t)n < awaited ? (size_t)n : awaited;
}

/* The kernel has room for some of what was typed. */
static void send_typed(int fd)
{
    ssize_t n = send(fd, typed + sent, typed_size - sent, 0);
    if (n > 0)
        sent += (size_t)n;
    else if (errno != EAGAIN && errno != EINTR)
        errx(1, "the server has gone (send: %s)", strerror(errno));
}

static void read_keyboard(int fd)
{
    typed_size = read_input(typed, sizeof typed);
    sent = 0;
    awaited += typed_size;
    input_ended = typed_size == 0;
    if (input_ended) /* a half-close: the server can still answer */
        shutdown(fd, SHUT_WR);
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

    signal(SIGPIPE, SIG_IGN);
    int fd = connect_to(port);
    if (fd >= FD_SETSIZE)
        errx(1, "fd %d is not below FD_SETSIZE, %d", fd, FD_SETSIZE);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_SET(fd, &readable);
        if (sent < typed_size) /* first get rid of this, then read more */
            FD_SET(fd, &writable);
        else if (!input_ended)
            FD_SET(STDIN_FILENO, &readable);
        if (select(fd + 1, &readable, &writable, NULL, NULL) < 0) {
            if (errno != EINTR)
                err(1, "select");
            continue;
        }
        if (FD_ISSET(fd, &readable))
            print_answer(fd);
        if (FD_ISSET(fd, &writable))
            send_typed(fd);
        if (FD_ISSET(STDIN_FILENO, &readable))
            read_keyboard(fd);
    }
}
