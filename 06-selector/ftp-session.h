/*
 * ftp-session: one FTP client's stay, from the first line to the last: its
 * control connection, its data connection, its deadline. What the commands
 * do stands in ftp-commands.c; who calls whom:
 *
 *     ftp-server      main(): options, listener, loop
 *     ftp-session     lines in, replies out, transfers, time
 *     ftp-commands    the table: what a line does to a session
 *     ftp-transfer    a file or a list through a socket, chunk by chunk
 *     ftp-tree        the files below ROOT
 */
#ifndef FTP_SESSION_H
#define FTP_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ftp-transfer.h"
#include "ftp-tree.h"
#include "selector.h"

enum {
    NAME_SIZE = 64,        /* bytes of a user's name, its 0 included */
    LINE_SIZE = 1280,      /* bytes of a command: a path, and then some */
    REPLY_SIZE = 4 * 1024, /* bytes: no reply is longer */
    MAX_ACCOUNTS = 100,
};

/* What main() has found out. */
struct settings {
    struct selector *selector;
    struct account {
        const char *name, *password;
    } accounts[MAX_ACCOUNTS];
    int account_count;
    bool anonymous;   /* may read */
    bool quiet;
    int64_t idle_ms;  /* without a command or a byte of a transfer: the end */
    int64_t data_ms;  /* for a client to open its data connection */
};

extern struct settings settings;

/* A client's state. What it waits for follows from it: see go_on(). */
struct session {
    struct session *next, **link; /* in the list of all, and who leads here */
    char name[sizeof "255.255.255.255:65535"]; /* for the log */
    struct sockaddr_in peer, own;
    int64_t deadline; /* ms: then run_out() */

    /* its control connection */
    int control;
    char line[LINE_SIZE]; /* commands not yet obeyed */
    size_t line_size;
    bool overlong;        /* what is in it is a line's end: no command */
    int telnet;           /* amidst bytes that are Telnet's: how far */
    char *owed;           /* replies the kernel had no room for, or NULL */
    size_t owed_size;
    bool leaving;         /* its last reply is said: until it closes */
    bool over;            /* nothing more: go_on() ends the session */

    /* who it is */
    char user[NAME_SIZE];      /* it says; with logged_in, it is */
    bool logged_in, read_only;
    bool penalised;            /* the deadline answers a wrong password */
    int wrong;                 /* passwords so far */

    /* where it is, and how it wants its files */
    char directory[TREE_PATH];
    char renamed[TREE_PATH]; /* by RNFR, until RNTO; or "" */
    bool ascii;              /* TYPE A */
    off_t restart;           /* from REST: where the next transfer begins */
    bool only_epsv;          /* after EPSV ALL */

    /* its data connection: a port (listener), then a connection (data) */
    int listener, data; /* or -1 */
    struct transfer *transfer;
    bool complete; /* the deadline makes the upload visible */
};

/* A line of the log: where in this file, and what happened there. */
#define LOG(format, ...) \
    ((void)(settings.quiet || printf("%s:%d: " format "\n", \
                                     __FILE__, __LINE__, __VA_ARGS__)))

/* ---- for main() ---- */

/* The listener's callback: a client has come. */
void session_welcome(const struct selector_key *listener, int ready);

/* Is there no fd for one more? Then do not watch the listener: it would be
   ready for ever. */
bool session_none_fits(void);

/* How many ms until some deadline; -1: there is none. */
int session_timeout(void);

/* Who is out of time? To be called after each round. */
void session_look_at_clock(void);

/* The server ends. Nothing of a broken upload is left. */
void session_end_all(void);

/* ---- for the commands ---- */

/* Reply a line, or several with CR LF between them; the last one's is ours.
   While one is owed no commands are obeyed: so not much is ever owed. */
void reply(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Something about a file has failed: the reply to this errno. */
void reply_failed(struct session *s, const char *file);

/* Reply the last thing. The session is over when the client closes, or soon
   after. */
void reply_and_leave(struct session *s, const char *line);

/* A wrong password: to be answered later, and only so often. */
void session_penalise(struct session *s);

/* Open a data port, for one connection. Returns its number, or 0: has said why
   not. What there was of a data connection is dropped. */
int session_open_data_port(struct session *s);

/* Begin this transfer now, or when the data connection is there. NULL: say why
   not, from errno, and drop the data connection. */
void session_transfer(struct session *s, struct transfer *t, const char *file);

/* Abort a transfer, if there is one, and the data connection. */
void session_abort(struct session *s);

#endif
