/*
 * child: the server process of a scene: its start, its output (the log),
 * signals, and the end of it and of all that it has started. Below it: guard,
 * proc, play-common.
 *
 * The server leads a session and a process group of its own, without a
 * terminal: it cannot print past play, or type. While PID is not 0 the server
 * is not reaped, also when it has ended: so its number is no other group's,
 * and what gets our signals are its processes. However play ends, the guard
 * kills that group.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>
#include "guard.h"
#include "play-common.h"

/* The log: the last lines that servers have printed. Each has a number: 0 is
   the first line of the first server, n - 1 is the newest line. */
enum {
    MOST_FILE = 1 << 30,   /* bytes of a file that a server writes */
    LOG_LINES = 32768,     /* are kept; older ones are forgotten */
    LOG_LINE_BYTES = 1000, /* at most in a line; a longer one becomes two */
};

struct log {
    char *lines[LOG_LINES];  /* line i is at i % LOG_LINES */
    double times[LOG_LINES]; /* when it was read; see now() */
    size_t n;                /* lines so far */
    size_t first;            /* the first line of the server started last */
    char partial[LOG_LINE_BYTES + 1]; /* a line whose newline is not there */
    size_t partial_size;
};

struct child {
    const char *xray; /* the caller sets it: NULL, or the path of xray, under
                         which the server then runs (it keeps its pid) */
    pid_t pid;        /* and process group; 0: there is no server */
    bool ended;       /* by itself; then one of these two says how: */
    int exit_status;  /* -1: by a signal */
    int killed_by;    /* 0: by no signal */
    int port;         /* 0: it has not said yet that it listens */
    int output;       /* to read its stdout and stderr; -1: end of file */
    int keyboard;     /* to write to its stdin; -1: closed */
    struct log log;
    struct rlimit files; /* RLIMIT_NOFILE, as play was started with it */
    /* private: */
    struct guard guard;
    bool adopts;      /* orphans of the server become children of play */
};

/* Start the guard, become the parent of the server's orphans, and raise play's
   own limit of open files. No process of the same user can trace play any
   more. Call it once, before all else here; *C must be all zero but for
   XRAY. */
bool child_prepare(struct child *c);

/* Start ARGUMENTS[0] with the rest of ARGUMENTS, up to a NULL. It may open
   FILES files, at most files.rlim_max (0: the limit is as it was for play),
   and no file gets larger than MOST_FILE. No other server may be there. False:
   it cannot be started. */
bool child_start(struct child *c, char **arguments, long files);

/* Read output that is there, at most 16 KiB, into the log. The first line with
   "listening on ADDRESS:PORT" sets PORT. False: no memory. */
bool child_read(struct child *c);

/* Reap the orphans that have ended. If the server has ended, note how. */
void child_reap(struct child *c);

/* The server may be about to end: read its output until it has, for 0.1 s at
   most. */
void child_read_last_words(struct child *c);

/* "exit status 3" or "killed by SIGTERM", if it has ended. */
const char *child_how_it_ended(const struct child *c);

/* The server has ended: is any process left that it has started? */
bool child_left(struct child *c);

/* Kill all processes of the server's group, and its orphans; PID is 0 then.
   False: some of them do not end in 2 s. */
bool child_kill(struct child *c);

/* The end of play: child_kill(), and the guard ends. */
bool child_finish(struct child *c);

/* Line I, which must be one that is kept. */
const char *log_line(const struct log *log, size_t i);

/* When line I was read. */
double log_time(const struct log *log, size_t i);

/* The first line from FROM on that is kept; n if there is none. */
size_t log_kept(const struct log *log, size_t from);

#endif
