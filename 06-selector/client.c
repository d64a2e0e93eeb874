/*
 * 06-selector, the client: keyboard and server at once, by callbacks.
 *
 *     06-selector/client [-p PORT]     type lines; Ctrl-D ends
 *
 * It does what 03's does. Look at typed_in() and answered(): each says what is
 * to be done with its fd; the loop in main() only calls them.
 * The notes: selectors 模块.
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
#include <sys/socket.h>
#include <unistd.h>

#include "selector.h"

#define LESSON "06-selector"
#define USAGE "usage: " LESSON "/client [-p PORT (9006)]"

enum {
    DEFAULT_PORT = 9006,
    BLOCK_SIZE = 64 * 1024, /* bytes: the most read at once, and kept */
};

static char block[BLOCK_SIZE]; /* what was typed last ... */
static size_t typed, sent;     /* ... and how much of it the kernel took */
static long long due;          /* bytes of answer that are still to come */
static bool input_ended;
static struct selector *selector;

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

static void typed_in(const struct selector_key *keyboard, int ready);
static void answered(const struct selector_key *server, int ready);

/* What to wait for; the keyboard's callback is told the server's fd. */
static void watch(int *server)
{
    bool rest = sent < typed; /* back-pressure: first away with this */
    selector_modify(selector, *server, SELECTOR_READ |
                    (rest ? SELECTOR_WRITE : 0), answered, server);
    selector_modify(selector, STDIN_FILENO, rest || input_ended ? 0 :
                    SELECTOR_READ, typed_in, server);
}

static void typed_in(const struct selector_key *keyboard, int ready)
{
    int *server = keyboard->data;
    (void)ready;
    take_input(*server);
    if (sent < typed)
        send_rest(*server); /* mostly there is room, so try it at once */
    watch(server);
}

static void answered(const struct selector_key *server, int ready)
{
    if ((ready & SELECTOR_READ) != 0 && !receive(server->fd))
        exit(0);
    if ((ready & SELECTOR_WRITE) != 0)
        send_rest(server->fd);
    watch(server->data);
}

/* Register both with this backend. epoll takes no regular file, and input may
   come from one: client < FILE. poll takes everything. */
static bool open_with(const char *backend, int *server)
{
    selector_close(selector);
    selector = selector_open(backend);
    return selector != NULL &&
           selector_register(selector, *server, SELECTOR_READ, answered,
                             server) == 0 &&
           selector_register(selector, STDIN_FILENO, SELECTOR_READ, typed_in,
                             server) == 0;
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
    fcntl(fd, F_SETFL, O_NONBLOCK);
    greet(fd);

    if (!open_with(NULL, &fd) && !open_with("poll", &fd))
        err(1, "selector");

    for (;;) {
        struct selector_key key;
        int ready;
        if (selector_select(selector, -1) < 0)
            err(1, "selector_select");
        while ((ready = selector_next(selector, &key)) != 0)
            key.callback(&key, ready);
    }
}
