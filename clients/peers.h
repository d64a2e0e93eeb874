/*
 * peers: the clients of a scene, and its crowd. Below it: play-common.
 *
 * No call here waits. peer_events() says which events a client waits for; when
 * poll(2) reports one, the loop (stage.h) calls peer_ready(). A client reads
 * only while it expects something.
 */
#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include "play-common.h"

enum awaited {     /* what a client expects */
    NOTHING,       /* it does not read */
    SOME_BYTES,    /* those in WANTED */
    END_OF_FILE,
    A_RESET,
    SILENCE,       /* it reads, and nothing may come */
};

struct sending;    /* an element of the list of bytes to send */

struct peer {
    const char *name; /* "A"; "#1" in a crowd */
    int fd;           /* -1: it is not connected */
    int port;         /* its own; the server sees 127.0.0.1:PORT */
    int server_port;  /* it connects to this one */
    bool connecting;  /* connect() has begun, and has not ended yet */
    enum awaited awaited;
    /* private: */
    struct bytes wanted;
    size_t received;  /* of WANTED */
    struct sending *pending; /* what the kernel had no room for yet */
    size_t sent;      /* of the first of PENDING */
    bool shut_later;  /* when nothing is pending any more */
    bool expects;     /* it has expected bytes: it may not get more */
    bool was_reset;   /* connect() or send() has reported that; the kernel
                         reports it once, so recv() will not */
};

struct peers {
    struct peer *all; /* first those of scene.clients, then the crowd */
    size_t n, n_named; /* of all, of those of scene.clients */
};

/* Make the N clients that the scene names. False: no memory. */
bool peers_begin(struct peers *peers, char *const *names, size_t n);

/* Add one to the crowd. NULL: no memory. Any other pointer to a peer is not
   valid any more. */
struct peer *peers_add(struct peers *peers);

/* Begin to connect to 127.0.0.1:PORT; an older connection is closed first.
   False: it fails at once. */
bool peer_connect(struct peer *p, int port);

/* Send the bytes; what the kernel has no room for is pending. If that fails
   the client notices when it reads. False: no memory. */
bool peer_send(struct peer *p, const struct bytes *bytes, bool urgent);

/* Send nothing more: shutdown(2), when nothing is pending. */
void peer_shut(struct peer *p);

/* From now on expect this: WANTED, if it is SOME_BYTES, and else NULL. */
void peer_expect(struct peer *p, enum awaited awaited,
                 const struct bytes *wanted);

/* False: the client expected bytes, and has got more; failure() says which. */
bool peer_check_surplus(const struct peer *p);

/* Close the connection, if there is one. RESET: by a RST (SO_LINGER, 0 s). */
void peer_close(struct peer *p, bool reset);

/* The events that the loop must wait for, as in poll(2); 0: none. */
short peer_events(const struct peer *p);

/* Such an event has come: connect, send, read. False: the client cannot
   connect, or got what it does not expect; failure() says what was wanted and
   what came. */
bool peer_ready(struct peer *p, short events);

/* Does the client still connect, or expect something? */
bool peer_waits(const struct peer *p);

/* The client has waited for SECONDS, and not got all: fail(), and say what was
   wanted and what came. Returns false. */
bool peer_too_late(const struct peer *p, double seconds);

#endif
