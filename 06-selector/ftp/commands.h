/*
 * commands: the table of the FTP commands that this server has.
 */
#ifndef FTP_COMMANDS_H
#define FTP_COMMANDS_H

#include "session.h"

enum { /* what a command needs, and what it is */
    COMMAND_ANYONE = 1,     /* also before USER and PASS */
    COMMAND_URGENT = 2,     /* also during a transfer; the others wait */
    COMMAND_CHANGES = 4,    /* changes files: not for a read-only session */
    COMMAND_WORD = 8,       /* needs an argument */
    COMMAND_PATH = 16,      /* the argument is a path: run() gets it from the
                               root; without an argument, the current
                               directory */
    COMMAND_DATA = 32,      /* needs a data port or a data connection */
    COMMAND_SECRET = 64,    /* the log does not show the argument */
    COMMAND_ACCOUNT = 128,  /* waits, if a password of its account was wrong */
    COMMAND_PREPARES = 256, /* prepares a transfer: it leaves behind also what
                               the command before has left for the transfer */
};

struct command {
    const char *name;  /* in capitals */
    /* Run it, and send a reply, now or later. argument is never NULL. */
    void (*run)(struct session *s, char *argument);
    int flags;         /* COMMAND_... */
    const char *usage; /* its argument, for HELP */
};

/* A name that is NULL ends the table. */
extern const struct command commands[];

#endif
