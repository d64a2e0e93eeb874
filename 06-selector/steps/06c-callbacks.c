/*
 * 06c-callbacks: a client has two callbacks: one reads, the other one answers.
 *
 *     make 06c                                           watch it play a scene
 *     06-selector/steps/06c-callbacks [-p PORT (8080)]   or run it by itself
 *
 * Look at selector_modify(): it changes the events and the callback of a
 * registered fd, with one epoll_ctl(). (The notes unregister the fd and
 * register it again: four epoll_ctl() for each message. Their names for the
 * two callbacks are call_back_reads and call_back_writes.) The port is 8080,
 * but this is no web server: "ok" is not HTTP.
 * The notes: 实战案例.
 *
 *     fd 5: accept
 *     fd 5: on_readable: 5 bytes
 *     fd 5: on_writable: 2 bytes
 *     fd 5: close: end of file
 */
#include "../selector.h"
#include "step.h"

static struct selector *selector;

static selector_callback on_readable, on_writable; /* see below */

/* The listener is readable: a client has come. */
static void on_accept(const struct selector_key *key, int ready)
{
    int fd = accept_fd(key->fd, INT_MAX); /* any number will do */
    (void)ready;
    if (fd < 0)
        return;
    if (selector_register(selector, fd, SELECTOR_READ, on_readable, NULL) < 0)
        close_fd(fd, strerror(errno));
}

static void close_client(const struct selector_key *key, const char *why)
{
    selector_unregister(selector, key->fd); /* first this, then close() */
    close_fd(key->fd, why);
}

/* The client is readable: it has sent bytes, or it has closed. */
static void on_readable(const struct selector_key *key, int ready)
{
    char message[2048];
    ssize_t n = recv(key->fd, message, sizeof message, 0);
    (void)ready;
    if (n == 0 || (n < 0 && !not_now()))
        close_client(key, n == 0 ? "end of file" : strerror(errno));
    if (n <= 0)
        return;
    LOG("fd %d: on_readable: %zd bytes", key->fd, n);
    selector_modify(selector, key->fd, SELECTOR_WRITE, on_writable, NULL);
}

/* The client is writable: there is room for the answer. */
static void on_writable(const struct selector_key *key, int ready)
{
    ssize_t n = send(key->fd, "ok", 2, 0);
    (void)ready;
    if (n < 0 && !not_now())
        close_client(key, strerror(errno));
    if (n < 0)
        return;
    LOG("fd %d: on_writable: %zd bytes", key->fd, n);
    selector_modify(selector, key->fd, SELECTOR_READ, on_readable, NULL);
}

int main(int argc, char **argv)
{
    int listener = begin_server(argc, argv, 8080);
    selector = open_selector_for(listener, on_accept);

    for (;;) {
        struct selector_key key;
        int ready;
        selector_modify(selector, listener, out_of_fds ? 0 : SELECTOR_READ,
                        on_accept, NULL);
        check(selector_select(selector, -1), "selector_select");
        while ((ready = selector_next(selector, &key)) != 0)
            key.callback(&key, ready);
    }
}
