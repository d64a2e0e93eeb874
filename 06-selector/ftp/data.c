/*
 * data: the data connection of one session. data.h says what it does.
 *
 * Look at on_connection(): one turn of the transfer, then the others' turns.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data.h"
#include "log.h"

enum {
    BACKLOG = 8, /* connections from other addresses may come before the
                    client's, but not all of them fill the backlog */
};

static void on_port(const struct selector_key *key, int ready);
static void on_connection(const struct selector_key *key, int ready);

static void close_fd(struct data *d, int *fd)
{
    int reason = errno;
    if (*fd >= 0) {
        selector_unregister(d->selector, *fd);
        close(*fd);
        *fd = -1;
    }
    errno = reason;
}

void data_close(struct data *d)
{
    if (d->transfer != NULL)
        LOG("%s: transfer: %lld bytes", d->client,
            transfer_bytes(d->transfer));
    transfer_free(d->transfer);
    d->transfer = NULL;
    close_fd(d, &d->listener);
    close_fd(d, &d->connection);
}

bool data_is_open(const struct data *d)
{
    return d->listener >= 0 || d->connection >= 0;
}

int data_open_port(struct data *d)
{
    struct sockaddr_in address = d->own;
    socklen_t size = sizeof address;
    address.sin_port = 0; /* any free one */
    data_close(d);
    d->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (d->listener >= 0 &&
        bind(d->listener, (struct sockaddr *)&address, size) == 0 &&
        listen(d->listener, BACKLOG) == 0 &&
        fcntl(d->listener, F_SETFL, O_NONBLOCK) == 0 &&
        getsockname(d->listener, (struct sockaddr *)&address, &size) == 0 &&
        selector_register(d->selector, d->listener, SELECTOR_READ, on_port,
                          d) == 0)
        return ntohs(address.sin_port);
    close_fd(d, &d->listener);
    return -1;
}

/* A non-blocking connection, registered. False: see errno. */
static bool set_up(struct data *d, int fd)
{
    d->connection = fd;
    if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
        selector_register(d->selector, fd, 0, on_connection, d) == 0)
        return true;
    close_fd(d, &d->connection);
    return false;
}

/* A connection to the port. Accept it only from the client's address: another
   host could fetch the client's file, or store one in its name. (FTP cannot
   tell the client from others at the same address.) Then close the port. */
static void on_port(const struct selector_key *key, int ready)
{
    struct data *d = key->data;
    struct sockaddr_in peer = { .sin_port = 0 };
    socklen_t size = sizeof peer;
    int fd = accept(key->fd, (struct sockaddr *)&peer, &size);
    (void)ready;
    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED ||
                   errno == EINTR))
        return;
    if (fd >= 0 && peer.sin_addr.s_addr != d->peer.sin_addr.s_addr) {
        LOG("%s: data port: refuse %s, which is not the client's address",
            d->client, inet_ntoa(peer.sin_addr));
        close(fd);
        return;
    }
    close_fd(d, &d->listener);
    d->on_event(d->owner, set_up(d, fd) ? DATA_CONNECTED :
                                          DATA_NOT_CONNECTED);
}

void data_start(struct data *d, struct transfer *transfer)
{
    d->transfer = transfer;
}

int data_watch(struct data *d)
{
    int events = d->transfer == NULL ? 0 :
                 transfer_wants_write(d->transfer) ? SELECTOR_WRITE :
                                                     SELECTOR_READ;
    if (d->connection < 0)
        return 0;
    return selector_modify(d->selector, d->connection, events, on_connection,
                           d);
}

/* Report what came of one turn. The callback may free d, so it comes last. */
static void on_connection(const struct selector_key *key, int ready)
{
    struct data *d = key->data;
    (void)ready;
    switch (transfer_turn(d->transfer, key->fd)) {
    case TRANSFER_MOVED:
        d->on_event(d->owner, DATA_MOVED);
        break;
    case TRANSFER_BLOCKED:
        break;
    case TRANSFER_SENT:
        d->on_event(d->owner, DATA_SENT);
        break;
    case TRANSFER_RECEIVED:
        close_fd(d, &d->connection);
        d->on_event(d->owner, DATA_RECEIVED);
        break;
    case TRANSFER_BROKEN:
        d->on_event(d->owner, DATA_BROKEN);
        break;
    case TRANSFER_FAILED:
        d->on_event(d->owner, DATA_FAILED);
        break;
    }
}
