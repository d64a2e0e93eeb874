/*
 * 06c-callbacks: a client has two callbacks, by turns: one reads, one writes.
 *
 *     make 06c                                           watch it play a scene
 *     06-selector/steps/06c-callbacks [-p PORT (8080)]   or run it by itself
 *
 * Look at selector_modify(): an fd has one registration, and this changes it,
 * events and callback, in one epoll_ctl(). (The notes unregister and register
 * it anew, twice for each message: four.) It is no web server in spite of its
 * port: "ok" is not HTTP.
 * The notes: 实战案例.
 *
 *     127.0.0.1:40000: connected, 1 in all
 *     127.0.0.1:40000: call_back_reads: 5 bytes
 *     127.0.0.1:40000: call_back_writes: 2 of 2
 *     127.0.0.1:40000: closed: end of file, 0 left
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../selector.h"

#define LOG(...) (printf("%s:%d: ", __FILE__, __LINE__), \
                  printf(__VA_ARGS__), putchar('\n'))

enum { MESSAGE_SIZE = 2048 }; /* bytes: the most of one recv() */

struct task { /* what a client's key carries */
    char name[sizeof "255.255.255.255:65535"];
    char owed[MESSAGE_SIZE]; /* what it still has to get, ... */
    size_t length;           /* ... so many bytes */
};

static struct selector *selector;
static int server; /* the listener, as the notes call it */
static int connections;

static void call_back_reads(const struct selector_key *key, int ready);
static void call_back_writes(const struct selector_key *key, int ready);

/* A listener on 127.0.0.1, at this port or at the one that -p names. */
static int listener_at(int port, int argc, char **argv)
{
    char rest;
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-p") != 0 ||
                     sscanf(argv[2], "%6d%c", &port, &rest) != 1 ||
                     port < 0 || port > 65535))
        errx(2, "usage: %s [-p PORT (to 65535; 0: any free)]", argv[0]);

    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        err(1, "bind and listen, port %d (-p 0 takes any free one)", port);
    getsockname(listener, (struct sockaddr *)&address, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    printf("%s: listening on 127.0.0.1:%d\n", argv[0],
           ntohs(address.sin_port));
    return listener;
}

/* Somebody is there. Without a free fd we ask for nobody until one leaves. */
static void connected(const struct selector_key *key, int ready)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept(key->fd, (struct sockaddr *)&peer, &size);
    struct task *task = fd < 0 ? NULL : calloc(1, sizeof *task);
    (void)ready;
    if (task == NULL || selector_register(selector, fd, SELECTOR_READ,
                                          call_back_reads, task) < 0) {
        if (fd < 0 && errno == EMFILE && connections > 0)
            selector_modify(selector, server, 0, connected, NULL);
        LOG("refused: %s", strerror(errno));
        usleep(10000); /* it may fail again: a nap is better than a spin */
        free(task);
        if (fd >= 0)
            close(fd);
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK); /* whatever is ready: no call waits */
    snprintf(task->name, sizeof task->name, "%s:%d", inet_ntoa(peer.sin_addr),
             ntohs(peer.sin_port));
    LOG("%s: connected, %d in all", task->name, ++connections);
}

static void leave(const struct selector_key *key, const char *why)
{
    struct task *task = key->data;
    LOG("%s: closed: %s, %d left", task->name, why, --connections);
    selector_unregister(selector, key->fd); /* first this, then close() */
    close(key->fd);
    free(task);
    selector_modify(selector, server, SELECTOR_READ, connected, NULL);
}

static void call_back_reads(const struct selector_key *key, int ready)
{
    struct task *task = key->data;
    char message[MESSAGE_SIZE];
    ssize_t n = recv(key->fd, message, sizeof message, 0);
    (void)ready;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        leave(key, n == 0 ? "end of file" : strerror(errno));
        return;
    }
    LOG("%s: call_back_reads: %zd bytes", task->name, n);
    memcpy(task->owed, "ok", task->length = 2);
    selector_modify(selector, key->fd, SELECTOR_WRITE, call_back_writes, task);
}

static void call_back_writes(const struct selector_key *key, int ready)
{
    struct task *task = key->data;
    ssize_t n = send(key->fd, task->owed, task->length, 0);
    (void)ready;
    if (n < 0 && errno != EAGAIN) {
        leave(key, strerror(errno));
        return;
    }
    size_t sent = n < 0 ? 0 : (size_t)n;
    LOG("%s: call_back_writes: %zu of %zu", task->name, sent,
        task->length);
    task->length -= sent;
    memmove(task->owed, task->owed + sent, task->length);
    if (task->length == 0)
        selector_modify(selector, key->fd, SELECTOR_READ, call_back_reads,
                        task);
}

int main(int argc, char **argv)
{
    server = listener_at(8080, argc, argv);
    fcntl(server, F_SETFL, O_NONBLOCK); /* who came may have left */
    selector = selector_open(NULL);
    if (selector == NULL || selector_register(selector, server,
                                SELECTOR_READ, connected, NULL) < 0)
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
