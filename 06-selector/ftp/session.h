/*
 * session: one FTP client, from its connection to its end: its control
 * connection, its data connection and its deadline.
 *
 * The struct session is the whole state of a client. The commands, in
 * commands.c, change it. This module does not include them: main() gives it
 * two functions.
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

/* For all sessions; main() sets it. */
struct settings {
    struct selector *selector;
    int64_t (*wait)(const struct session *s, const char *line);
    void (*run)(struct session *s, char *line); /* for both: see dispatch.h */
    void (*on_free_fd)(void); /* called when a session has closed an fd */
    bool anonymous;   /* may read, without an account */
    int64_t idle_ms;  /* after this time without a command, or without a byte
                         of a transfer, the server closes the session */
    int64_t data_ms;  /* a client must open its data connection in this time */
    int64_t login_ms; /* a client must log in in this time */
};

/* What a command leaves behind for the next command. Each command begins with
   an empty one, so nothing is left for the command after the next. */
struct handover {
    char rename_from[TREE_PATH]; /* RNFR; or "" */
    off_t restart;               /* REST: bytes of the transfer to leave out */
    off_t expected;              /* ALLO: bytes of the upload; 0: unknown */
};

enum delay { /* why no command runs before the deadline */
    DELAY_NONE,
    DELAY_PASSWORD, /* the password was wrong: the deadline sends the reply */
    DELAY_ACCOUNT,  /* ... it was wrong in another session of this account */
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
    bool more;              /* there may be lines that could run now */
    bool quits;             /* QUIT has come during a transfer */
    bool closing;           /* the last reply is sent: the client closes */
    bool finished;          /* nothing more to do: update() frees it */

    /* the user */
    char user[NAME_SIZE];   /* from USER; "": none */
    bool logged_in, read_only;
    int64_t login_deadline; /* in ms, as now_ms() */
    int wrong_passwords;
    enum delay delay;

    /* what commands set */
    char directory[TREE_PATH]; /* the current one */
    bool ascii;                /* TYPE A */
    bool only_epsv;            /* EPSV ALL */
    struct handover from_last; /* the command before has left this */
    struct handover for_next;  /* the command that runs now leaves this */

    /* the data connection */
    struct data data;
    bool received; /* an upload has come; the deadline publishes it */
};

/* ---- for main() ---- */

/* A client has connected: fd is the connection, peer its address. Begin a
   session, which closes fd at its end. */
void session_begin(const struct settings *settings, int fd,
                   const struct sockaddr_in *peer);

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

/* From now on the client must log in again, in time. */
void session_log_out(struct session *s);

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
