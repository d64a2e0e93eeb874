/*
 * 06d-echo: the echo server of Python's documentation, with pending bytes.
 *
 *     make 06d                                      watch it play a scene
 *     06-selector/steps/06d-echo [-p PORT (8080)]   or run it by itself
 *
 * Look at the end of on_readable(): it sends, too. Nearly always there is
 * room, and the step needs no epoll_ctl(). If not, the rest is pending:
 * on_writable() sends it later; until then the step does not read from this
 * client. (One client that does not read ends Python's server.)
 * The notes: selectors, in 三. IO multiplexing.
 *
 *     fd 5: accept
 *     fd 5: on_readable: 1000 bytes
 *     fd 5: on_writable: 488 of 1000
 */
#include "../selector.h"
#include "step.h"

struct client { /* a client's key->data */
    char pending[1000]; /* what one recv() returned, and is still to be sent */
    size_t pending_size;
};

static struct selector *selector;

static selector_callback on_readable, on_writable; /* see below */

/* The listener is readable: a client has come. */
static void on_accept(const struct selector_key *key, int ready)
{
    int fd = accept_fd(key->fd, INT_MAX); /* any number will do */
    (void)ready;
    if (fd < 0)
        return;
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL || selector_register(selector, fd, SELECTOR_READ,
                                            on_readable, client) < 0) {
        close_fd(fd, strerror(errno));
        free(client);
    }
}

static void close_client(const struct selector_key *key, const char *why)
{
    selector_unregister(selector, key->fd); /* first this, then close() */
    close_fd(key->fd, why);
    free(key->data);
}

/* The client is readable: it has sent bytes, or it has closed. */
static void on_readable(const struct selector_key *key, int ready)
{
    struct client *client = key->data;
    ssize_t n = recv(key->fd, client->pending, sizeof client->pending, 0);
    (void)ready;
    if (n == 0 || (n < 0 && !not_now()))
        close_client(key, n == 0 ? "end of file" : strerror(errno));
    if (n <= 0)
        return;
    LOG("fd %d: on_readable: %zd bytes", key->fd, n);
    client->pending_size = (size_t)n;
    on_writable(key, SELECTOR_WRITE); /* there is room, nearly always */
}

/* Send the pending bytes. If the kernel has no room for all, go on later. */
static void on_writable(const struct selector_key *key, int ready)
{
    struct client *client = key->data;
    ssize_t n = send(key->fd, client->pending, client->pending_size, 0);
    (void)ready;
    if (n < 0 && !not_now()) {
        close_client(key, strerror(errno));
        return;
    }
    size_t sent = n < 0 ? 0 : (size_t)n;
    LOG("fd %d: on_writable: %zu of %zu", key->fd, sent, client->pending_size);
    client->pending_size -= sent;
    memmove(client->pending, client->pending + sent, client->pending_size);
    bool rest = client->pending_size > 0;
    selector_modify(selector, key->fd, rest ? SELECTOR_WRITE : SELECTOR_READ,
                    rest ? on_writable : on_readable, client);
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
