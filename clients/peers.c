/* peers: the clients of a scene, and its crowd. See peers.h. */
#include "peers.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK = 64 * 1024,  /* bytes in one recv() or send() */
    SHOWN_BYTES = 200,  /* read where none is expected, for the message */
    TEXT_BYTES = 52,    /* of bytes in a message; the rest is cut */
};

struct sending {
    struct sending *next;
    struct bytes bytes;
    bool urgent;
};

bool peers_begin(struct peers *peers, char *const *names, size_t n)
{
    peers->n = peers->n_named = n;
    peers->all = n == 0 ? NULL : grown(NULL, n * sizeof *peers->all);
    if (n > 0 && peers->all == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        peers->all[i] = (struct peer){ .name = names[i], .fd = -1 };
    return true;
}

struct peer *peers_add(struct peers *peers)
{
    struct peer *more = grown(peers->all, (peers->n + 1) * sizeof *more);
    char *name = grown(NULL, 24);
    if (more == NULL || name == NULL)
        return NULL;
    snprintf(name, 24, "#%zu", peers->n - peers->n_named + 1);
    peers->all = more;
    more[peers->n] = (struct peer){ .name = name, .fd = -1 };
    return &more[peers->n++];
}

/* -------------------------------------------------- connect, send, close */

void peer_close(struct peer *p, bool reset)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    if (p->fd >= 0) {
        if (reset)
            setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once,
                       sizeof at_once);
        close(p->fd);
    }
    while (p->pending != NULL) {
        struct sending *first = p->pending;
        p->pending = first->next;
        free(first);
    }
    *p = (struct peer){ .name = p->name, .fd = -1 };
}

static int error_of(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

/* connect() has ended, with ERROR; 0: the client is connected. If the server
   has reset the connection already, the client notices when it reads. */
static bool connected(struct peer *p, int error)
{
    p->connecting = false;
    p->was_reset = error == ECONNRESET;
    return error == 0 || p->was_reset ||
           fail("%s: connect to port %d: %s", p->name, p->server_port,
                strerror(error));
}

bool peer_connect(struct peer *p, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    peer_close(p, false);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p->fd < 0)
        return fail("%s: socket: %s", p->name, strerror(errno));
    fd_nonblocking(p->fd);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    p->server_port = port;
    p->connecting = true;
    if (connect(p->fd, (struct sockaddr *)&address, size) < 0 &&
        errno != EINPROGRESS && !connected(p, errno))
        return false;
    getsockname(p->fd, (struct sockaddr *)&address, &size);
    p->port = ntohs(address.sin_port);
    return true;
}

/* Send some of the first of PENDING. False: the kernel has no room. After an
   error we forget the bytes: the client notices when it reads. */
static bool send_some(struct peer *p)
{
    static char chunk[CHUNK];
    struct sending *first = p->pending;
    size_t n = bytes_slice(&first->bytes, p->sent, chunk, sizeof chunk);
    ssize_t sent = send(p->fd, chunk, n, first->urgent ? MSG_OOB : 0);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (sent < 0 && errno == ECONNRESET)
        p->was_reset = true;
    p->sent += sent < 0 ? 0 : (size_t)sent;
    if (sent < 0 || p->sent == bytes_total(&first->bytes)) {
        p->pending = first->next;
        p->sent = 0;
        free(first);
    }
    return true;
}

static void flush(struct peer *p)
{
    while (p->pending != NULL)
        if (!send_some(p))
            return;
    if (p->shut_later)
        shutdown(p->fd, SHUT_WR);
    p->shut_later = false;
}

bool peer_send(struct peer *p, const struct bytes *bytes, bool urgent)
{
    struct sending *new = grown(NULL, sizeof *new), **end = &p->pending;
    if (new == NULL)
        return false;
    *new = (struct sending){ NULL, *bytes, urgent };
    while (*end != NULL)
        end = &(*end)->next;
    *end = new;
    flush(p);
    return true;
}

void peer_shut(struct peer *p)
{
    p->shut_later = true;
    flush(p);
}

/* ------------------------------------------------------ read and compare */

void peer_expect(struct peer *p, enum awaited awaited,
                 const struct bytes *wanted)
{
    p->awaited = awaited;
    if (wanted == NULL)
        return;
    p->wanted = *wanted;
    p->received = 0;
    p->expects = true;
}

static const char *text_of_awaited(const struct peer *p)
{
    static char text[TEXT_BYTES];
    switch (p->awaited) {
    case SOME_BYTES: return bytes_quote(text, sizeof text, &p->wanted);
    case END_OF_FILE: return "the end of file";
    case A_RESET: return "a reset";
    default: return "nothing";
    }
}

/* fail(): what came is not what the client expects. N bytes came, of which the
   first GOOD are right; or, if N is 0, the end of file came; or, if N is -1,
   the error in errno. */
static bool not_awaited(const struct peer *p, const char *came, ssize_t n,
                        size_t good)
{
    char text[TEXT_BYTES] = "the end of file";
    if (n < 0)
        snprintf(text, sizeof text, "%s",
                 errno == ECONNRESET ? "a reset" : strerror(errno));
    else if (n > 0)
        quote(text, sizeof text, came + good, (size_t)n - good);
    if (p->awaited == SOME_BYTES && p->received + good > 0)
        return fail("%s wanted  %s\n  and got  %s after %zu right %s", p->name,
                    text_of_awaited(p), text, p->received + good,
                    p->received + good == 1 ? "byte" : "bytes");
    return fail("%s wanted  %s\n  and got  %s", p->name, text_of_awaited(p),
                text);
}

/* N bytes CAME, and the client WANTED N bytes: are they the same? */
static bool compare(struct peer *p, const char *came, const char *wanted,
                    size_t n)
{
    size_t good = 0;
    if (memcmp(came, wanted, n) != 0) {
        while (came[good] == wanted[good])
            good++;
        return not_awaited(p, came, (ssize_t)n, good);
    }
    p->received += n;
    if (p->received == bytes_total(&p->wanted))
        p->awaited = NOTHING;
    return true;
}

static bool read_some(struct peer *p)
{
    static char came[CHUNK], wanted[CHUNK];
    size_t most = p->awaited != SOME_BYTES ? SHOWN_BYTES
                : bytes_slice(&p->wanted, p->received, wanted, sizeof wanted);
    ssize_t n = recv(p->fd, came, most, 0);
    if (n == 0 && p->was_reset) {
        n = -1;
        errno = ECONNRESET;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if ((p->awaited == END_OF_FILE && n == 0) ||
        (p->awaited == A_RESET && n < 0 && errno == ECONNRESET)) {
        p->awaited = NOTHING;
        return true;
    }
    if (p->awaited != SOME_BYTES || n <= 0)
        return not_awaited(p, came, n, 0);
    return compare(p, came, wanted, (size_t)n);
}

bool peer_check_surplus(const struct peer *p)
{
    char came[100], text[TEXT_BYTES];
    if (!p->expects || p->fd < 0 || p->awaited != NOTHING)
        return true;
    ssize_t n = recv(p->fd, came, sizeof came, MSG_DONTWAIT | MSG_PEEK);
    return n <= 0 || fail("%s got more than was expected: %s", p->name,
                          quote(text, sizeof text, came, (size_t)n));
}

/* -------------------------------------------------------- for the loop */

short peer_events(const struct peer *p)
{
    bool writes = p->connecting || p->pending != NULL;
    return (short)(p->fd < 0 ? 0 : (writes ? POLLOUT : 0) |
                                   (p->awaited != NOTHING ? POLLIN : 0));
}

bool peer_ready(struct peer *p, short events)
{
    if (p->connecting && !connected(p, error_of(p->fd)))
        return false;
    flush(p);
    if (p->awaited == NOTHING || (events & ~POLLOUT) == 0)
        return true;
    return read_some(p);
}

bool peer_waits(const struct peer *p)
{
    return p->connecting || p->awaited != NOTHING;
}

bool peer_too_late(const struct peer *p, double seconds)
{
    if (p->connecting)
        return fail("%s could not connect in %g s", p->name, seconds);
    if (p->awaited == SOME_BYTES && p->received > 0)
        return fail("%s wanted  %s\n  and got  only %zu bytes of it in %g s",
                    p->name, text_of_awaited(p), p->received, seconds);
    return fail("%s wanted  %s\n  and got  nothing in %g s", p->name,
                text_of_awaited(p), seconds);
}
