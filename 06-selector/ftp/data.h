/*
 * data: the data connection of one session. First it is a port, where the
 * client connects once; then it is a connection, with a transfer through it.
 * It knows no commands and sends no replies: it reports events to its owner.
 */
#ifndef FTP_DATA_H
#define FTP_DATA_H

#include <netinet/in.h>
#include <stdbool.h>

#include "../selector.h"
#include "transfer.h"

enum data_event {
    DATA_CONNECTED,     /* the client has connected; the port is closed */
    DATA_NOT_CONNECTED, /* accept() failed, see errno; the port is closed */
    DATA_MOVED,         /* some bytes of the transfer */
    DATA_SENT,          /* the transfer is complete */
    DATA_RECEIVED,      /* the client has closed the connection, and this
                           module, too: the owner may publish the file */
    DATA_BROKEN,        /* the connection failed, see errno */
    DATA_FAILED,        /* the file failed, see errno */
};

/* Called after an event. It may free the struct data. */
typedef void data_callback(void *owner, enum data_event event);

struct data {
    /* set by the owner, before all calls */
    struct selector *selector;
    struct sockaddr_in own, peer; /* of the control connection */
    const char *client;           /* its name, for the log */
    data_callback *on_event;
    void *owner;

    /* set by this module; set both fds to -1 before all calls */
    int listener;              /* the port, or -1 */
    int connection;            /* or -1 */
    struct transfer *transfer; /* or NULL */
};

/* Close what is open, then open a port for one connection. Returns its number;
   or -1 after an error, and sets errno. */
int data_open_port(struct data *data);

/* Is there a port or a connection? */
bool data_is_open(const struct data *data);

/* Begin the transfer: now, or when the client connects. The transfer now
   belongs to this module. Call data_watch() next. */
void data_start(struct data *data, struct transfer *transfer);

/* Have the selector watch the connection for what the transfer waits for.
   Returns -1 after an error, and sets errno. */
int data_watch(struct data *data);

/* Close the port and the connection, and free the transfer. */
void data_close(struct data *data);

#endif
