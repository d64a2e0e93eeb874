/*
 * peers: the clients of a scene, and its crowd. Below it: common.
 *
 * No call here waits: peer_events() says what a client waits for, and the loop
 * (stage.h) calls peer_ready() when poll(2) says that it is there. A client
 * reads only what it expects, and only while it expects something.
 */
#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include "common.h"

enum awaited {     /* what a client waits for: */
    NOTHING,       /* it does not read */
    SOME_BYTES,    /* ... that are WANTED, and no others */
    END_OF_FILE,
    A_RESET,
    SILENCE,       /* that nothing comes */
};

struct sending;    /* bytes to send, in a list */

struct peer {
    const char *name; /* "A"; "#1" in a crowd */
    int fd;           /* -1: it is not connected */
    int port;         /* its own; the server sees 127.0.0.1:PORT */
    int server_port;  /* that it connects to */
    bool connecting;  /* the kernel is still at it */
    enum awaited awaited;
    /* private: */
    struct bytes wanted;
    size_t received;  /* of WANTED */
    struct sending *pending; /* what the kernel had no room for yet */
    size_t sent;      /* of the first of PENDING */
    bool shut_later;  /* once nothing is pending */
    bool expects;     /* so it may not get more than it has expected */
    bool was_reset;   /* connect() or send() has said so; recv() will not */
};

struct peers {
    struct peer *all; /* those with a name, as in scene.clients; the crowd */
    size_t n, n_named;
};

/* Make the clients that have a name. */
bool peers_begin(struct peers *peers, char *const *names, size_t n);

/* One more in the crowd; NULL after fail(). Pointers to a peer from before
   are not valid any more. */
struct peer *peers_add(struct peers *peers);

/* Begin to connect to 127.0.0.1:PORT; an older connection is closed. */
bool peer_connect(struct peer *p, int port);

/* Send, now or when there is room. Errors show when the client reads. */
bool peer_send(struct peer *p, const struct bytes *bytes, bool urgent);

/* Send no more, once all is sent: shutdown(2). */
void peer_shut(struct peer *p);

/* Wait for these bytes from now on; or (WANTED is NULL) for something else. */
void peer_expect(struct peer *p, enum awaited awaited,
                 const struct bytes *wanted);

/* Has the client, which expected something, got more than that? False: yes,
   and failure() says what. */
bool peer_check_surplus(const struct peer *p);

/* Close the connection, if there is one; by a reset (SO_LINGER with 0 s). */
void peer_close(struct peer *p, bool reset);

/* The events of poll(2) to watch for; 0: none. */
short peer_events(const struct peer *p);

/* Such an event has come: connect, send, read. False: not what the client
   awaits, or it cannot connect; failure() has both sides. */
bool peer_ready(struct peer *p, short events);

/* Does it still connect, or wait for something? */
bool peer_waits(const struct peer *p);

/* It has waited for SECONDS, in vain: fail(), and say for what. */
bool peer_too_late(const struct peer *p, double seconds);

#endif
