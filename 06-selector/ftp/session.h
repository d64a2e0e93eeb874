/*
 * session: one FTP client, from its connection to its end: its control
 * connection, its data connection and its deadline.
 *
 * The struct session is the whole state of a client. The commands, in
 * commands.c, change it. This module does not include commands.h: main() gives
 * it the table.
 */
#ifndef FTP_SESSION_H
#define FTP_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "../selector.h"
#include "accounts.h"
#include "data.h"
#include "lines.h"
#include "replies.h"
#include "tree.h"

enum {
    REPLY_SIZE = 4 * 1024, /* bytes: a longer reply is cut off */
};

struct session;

enum { /* what a command needs, and what it is */
    COMMAND_ANYONE = 1,  /* also before USER and PASS */
    COMMAND_URGENT = 2,  /* also during a transfer; the others wait */
    COMMAND_CHANGES = 4, /* changes files: not for a read-only session */
    COMMAND_WORD = 8,    /* needs an argument */
    COMMAND_PATH = 16,   /* the argument is a path: run() gets it from the
                            root; without an argument, the current directory */
    COMMAND_DATA = 32,   /* needs a data port or a data connection */
    COMMAND_SECRET = 64, /* the log does not show the argument */
};

struct command {
    const char *name; /* in capitals */
    /* Run it, and send a reply, now or later. argument is never NULL. */
    void (*run)(struct session *s, char *argument);
    int flags;        /* COMMAND_... */
    const char *usage; /* its argument, for HELP */
};

/* For all sessions; main() sets it. */
struct settings {
    struct selector *selector;
    const struct command *commands; /* a name that is NULL ends the table */
    bool anonymous;  /* may read, without an account */
    int64_t idle_ms; /* after this time without a command, or without a byte
                        of a transfer, the server closes the session */
    int64_t data_ms; /* a client must open its data connection in this time */
};

struct session {
    const struct settings *settings;
    struct session *next, **link; /* in the list of all: *link is this one */
    char name[sizeof "255.255.255.255:65535"]; /* for the log */
    struct sockaddr_in own;       /* the server's end of the connection */
    int64_t deadline;             /* in ms, as now_ms() */

    /* the control connection */
    int control;
    struct lines lines;     /* commands that have not run yet */
    struct replies replies;
    bool closing;           /* the last reply is sent: the client closes */
    bool finished;          /* nothing more to do: update() frees it */

    /* the user */
    char user[NAME_SIZE];   /* from USER; "": none */
    bool logged_in, read_only;
    int wrong_passwords;
    bool delayed;           /* the deadline replies to a wrong password */

    /* what commands set */
    char directory[TREE_PATH];   /* the current one */
    char rename_from[TREE_PATH]; /* from RNFR, until RNTO; or "" */
    bool ascii;                  /* TYPE A */
    off_t restart;               /* from REST, for the next transfer: bytes */
    bool only_epsv;              /* EPSV ALL */

    /* the data connection */
    struct data data;
    bool received; /* an upload has come; the deadline publishes it */
};

/* ---- for main() ---- */

/* The callback of the listener, whose data is the struct settings: a client
   has connected. */
void session_accept(const struct selector_key *listener, int ready);

/* True after accept() has found no free fd, for a second or until a session
   frees an fd. Then main() must not watch the listener, which stays readable:
   the loop would spin. */
bool session_out_of_fds(void);

/* Handle the deadlines that have passed. Call it after each round; wait for
   deadline_timeout() at most. */
void session_check_deadlines(void);

/* End all sessions, with a reply to each client. Nothing of an incomplete
   upload is left. */
void session_end_all(void);

/* ---- for the commands ---- */

/* Send a reply of one line, or of several with CR LF between them; the format
   is as in printf(3). This adds the last CR LF. While bytes are pending no
   command runs, so there are never many. */
void reply(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reply that something failed with this file; errno says why. */
void reply_error(struct session *s, const char *file);

/* Send the last reply, one line. The session ends when the client closes, or
   after two seconds. */
void reply_and_close(struct session *s, const char *line);

/* The password is wrong: reply after a second, and close after the third. No
   other command runs before that. */
void session_wrong_password(struct session *s);

/* Open a port for one data connection; what was open is closed. Returns its
   number; or 0 after an error, and has sent the reply. */
int session_open_port(struct session *s);

/* Begin this transfer, now or when the client opens the data connection, and
   send the reply. If transfer is NULL, reply from errno. file: its name for
   the reply. */
void session_transfer(struct session *s, struct transfer *transfer,
                      const char *file);

/* Close the data connection. If there is a transfer, reply that it ends. */
void session_abort(struct session *s);

#endif
