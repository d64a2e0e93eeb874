/*
 * 06-selector: one process, many clients; each fd carries what to do with it.
 *
 *     make 06-selector                                  watch it play a scene
 *     06-selector/server [-p PORT] [-b BACKEND] [-q]    or run it by itself
 *
 * Look at main(): its loop asks neither who is ready, nor whether it is epoll,
 * kqueue, poll or select (-b) that waits. It calls what the key says, and that
 * is welcome() or converse(). What a selector promises stands in selector.h.
 * The notes: selectors 模块, put right.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selector.h"

#define LESSON "06-selector"
#define USAGE "usage: " LESSON "/server [-p PORT (9006; 0: any free)] " \
              "[-b epoll|kqueue|poll|select] [-q (no log)]"

enum {
    DEFAULT_PORT = 9006,
    BUFFER_SIZE = 64 * 1024, /* bytes: one turn's read, and the most owed */
    MAX_FDS = 1024 * 1024,   /* table entries; unused, they cost no memory */
};

struct client {
    bool open;
    char name[sizeof "255.255.255.255:65535"]; /* for the log */
    char *owed; /* the part of an answer the kernel had no room for, or NULL */
    size_t owed_size;
};

enum turn { PROGRESS, WOULD_BLOCK, GONE }; /* what came of one turn */

static struct client clients[MAX_FDS]; /* by fd; the listener is in it too */
static int highest;                    /* fd in use: nobody looks beyond */
static bool full;                      /* no fd left: accept nobody now */
static struct selector *selector;
static bool quiet;

/* A line of the log: where in this file, and what happened there. */
#define LOG(format, ...) \
    ((void)(quiet || printf("%s:%d: " format "\n", \
                            __FILE__, __LINE__, __VA_ARGS__)))

/* SIGINT and SIGTERM: the kernel takes back every socket and all memory, so
   this may interrupt anything (both calls are async-signal-safe). */
static void say_bye(int signal_number)
{
    (void)signal_number;
    _exit(write(STDOUT_FILENO, "bye\n", 4) == 4 ? 0 : 1);
}

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

/* Ask for as many fds as the system allows; the usual 1,024 are a default. */
static void raise_fd_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MAX_FDS ? limit.rlim_max : MAX_FDS;
    while (setrlimit(RLIMIT_NOFILE, &limit) < 0 && limit.rlim_cur > 1024)
        limit.rlim_cur /= 2; /* macOS allows less than its hard limit */
}

/* a-z become A-Z, every other byte stays. There is no if in the loop, so the
   compiler can work on 16 bytes at once instead of guessing at each. (Inlined
   into main(), which runs but once, gcc does not take that trouble.) */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

/* Take a client off the backlog. Returns its fd, or -1: nobody is there any
   more, or there is no fd left. Then whoever comes has to wait in the backlog
   until one of our clients leaves, and we do not ask again before. */
static int accept_client(int listener)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept(listener, (struct sockaddr *)&peer, &size);
    if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) {
        full = errno == EMFILE && highest > listener;
        LOG("accept: %s", strerror(errno));
        if (!full)
            usleep(10000); /* nothing tells when there is room: no spin */
    }
    if (fd < 0)
        return -1;

    struct client *c = &clients[fd];
    c->open = true;
    snprintf(c->name, sizeof c->name, "%s:%d", inet_ntoa(peer.sin_addr),
             ntohs(peer.sin_port));
    highest = fd > highest ? fd : highest;
    fcntl(fd, F_SETFL, O_NONBLOCK); /* Linux does not inherit it */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    LOG("%s: accept: fd %d", c->name, fd);
    return fd;
}

static void close_client(int fd)
{
    LOG("%s: close", clients[fd].name);
    close(fd);
    free(clients[fd].owed);
    clients[fd] = (struct client){ .open = false };
    while (!clients[highest].open)
        highest--;
    full = false;
}

static bool wants_write(int fd)
{
    return clients[fd].owed != NULL;
}

/* A call failed: not now, once more, or the end of this client; never of the
   server. What a client does stays between it and us. */
static enum turn failed(int fd, const char *call)
{
    if (errno == EAGAIN)
        return WOULD_BLOCK;
    if (errno == EINTR)
        return PROGRESS;
    LOG("%s: %s: %s", clients[fd].name, call, strerror(errno));
    return GONE;
}

/* Send the bytes; those the kernel has no room for are owed. They may be
   the ones already owed: this is also how a debt is paid. */
static enum turn answer(int fd, const char *bytes, size_t length)
{
    struct client *c = &clients[fd];
    ssize_t n = send(fd, bytes, length, 0);
    size_t sent = n < 0 ? 0 : (size_t)n;
    enum turn turn = n < 0 ? failed(fd, "send") : PROGRESS;
    if (turn == GONE || (turn == WOULD_BLOCK && bytes == c->owed))
        return turn;
    LOG("%s: send: %zu of %zu bytes", c->name, sent, length);
    if (sent == length) {
        free(c->owed);
        c->owed = NULL;
        return PROGRESS;
    }
    if (c->owed == NULL && (c->owed = malloc(BUFFER_SIZE)) == NULL)
        return failed(fd, "malloc");
    c->owed_size = length - sent;
    memmove(c->owed, bytes + sent, c->owed_size);
    return turn;
}

/* One turn: pay what is owed or else read once and answer. A client that
   never reads is not read from either, so it costs one buffer and no more. */
static enum turn serve(int fd)
{
    static char buffer[BUFFER_SIZE]; /* for all: it is empty between turns */

    if (wants_write(fd))
        return answer(fd, clients[fd].owed, clients[fd].owed_size);
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0)
        return failed(fd, "recv");
    LOG("%s: recv: %zd bytes%s", clients[fd].name, n,
        n == 0 ? " (end of file)" : "");
    if (n == 0)
        return GONE;
    upper(buffer, (size_t)n);
    return answer(fd, buffer, (size_t)n);
}

/* A client is ready, for what it waits for: one of the two at a time. */
static void converse(const struct selector_key *key, int ready)
{
    LOG("converse: fd %d is %s", key->fd,
        ready == SELECTOR_READ ? "readable" : "writable");
    if (serve(key->fd) == GONE) {
        selector_unregister(selector, key->fd);
        close_client(key->fd);
        return;
    }
    selector_modify(selector, key->fd, wants_write(key->fd) ? SELECTOR_WRITE :
                    SELECTOR_READ, converse, NULL);
}

/* The backend may have no room for one more: select has FD_SETSIZE bits. */
static void welcome(const struct selector_key *key, int ready)
{
    (void)ready; /* a listener is only ever readable: somebody is there */
    LOG("welcome: fd %d is readable", key->fd);
    int fd = accept_client(key->fd);
    if (fd < 0 ||
        selector_register(selector, fd, SELECTOR_READ, converse, NULL) == 0)
        return;
    LOG("%s: refused: %s: %s", clients[fd].name, selector_backend(selector),
        strerror(errno));
    close_client(fd);
}

/* With this backend; with NULL, the best. */
static void open_selector(const char *backend)
{
    selector = selector_open(backend);
    if (selector == NULL && errno == EINVAL)
        errx(2, "'%s' is not a backend here; make 06b lists them\n%s",
             backend, USAGE);
    if (selector == NULL)
        err(1, "selector_open");
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
    const char *backend = NULL; /* the best there is */
    int port = DEFAULT_PORT;
    int option;
    while ((option = getopt(argc, argv, "p:b:q")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 'b': backend = optarg; break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    signal(SIGINT, say_bye);
    signal(SIGTERM, say_bye);
    raise_fd_limit();
    open_selector(backend);
    int listener = highest = listen_on(port);
    clients[listener].open = true;
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */

    if (selector_register(selector, listener, SELECTOR_READ, welcome, NULL)
        < 0)
        err(1, "selector_register");

    for (;;) {
        struct selector_key key;
        int ready;
        selector_modify(selector, listener, full ? 0 : SELECTOR_READ, welcome,
                        NULL);
        int n = selector_select(selector, -1);
        if (n < 0)
            err(1, "selector_select");
        LOG("%s: %d ready", selector_backend(selector), n);
        while ((ready = selector_next(selector, &key)) != 0)
            key.callback(&key, ready);
    }
}
