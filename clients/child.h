/*
 * child: the server process of a scene: its start, its output (the log),
 * signals, and the end of it and of all that it has started. Below it: proc,
 * play-common.
 *
 * The server leads a process group of its own. However play ends, the server
 * ends with it: a second process, the guard, waits for the end of play and
 * then kills that group.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>
#include "play-common.h"

/* The log: the last lines that servers have printed. Each has a number: 0 is
   the first line of the first server, n - 1 is the newest line. */
enum {
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
    bool ended;       /* by itself: it is reaped */
    int status;       /* then; see waitpid(2) */
    int port;         /* 0: it has not said yet that it listens */
    int output;       /* to read its stdout and stderr; -1: end of file */
    int keyboard;     /* to write to its stdin; -1: closed */
    struct log log;
    struct rlimit files; /* RLIMIT_NOFILE, as play was started with it */
    /* private: */
    int guard;        /* a pipe, to send the guard the number of the group */
    pid_t guard_pid;
    bool adopts;      /* orphans of the server become children of play */
};

/* Start the guard, become the parent of the server's orphans, and raise play's
   own limit of open files. Call it once, before all else here; *C must be all
   zero but for XRAY. */
bool child_prepare(struct child *c);

/* Start ARGUMENTS[0] with the rest of ARGUMENTS, up to a NULL. It may open
   FILES files, at most files.rlim_max (0: the limit is as it was for play). No
   other server may be there. False: it cannot be started. */
bool child_start(struct child *c, char **arguments, long files);

/* Read output that is there, at most 16 KiB, into the log. The first line with
   "listening on ADDRESS:PORT" sets PORT. False: no memory. */
bool child_read(struct child *c);

/* Reap all children that have ended; ENDED if the server is among them. */
void child_reap(struct child *c);

/* The server may be about to end: read its output until it has, for 0.1 s at
   most. */
void child_read_last_words(struct child *c);

/* "exit status 3" or "killed by SIGTERM", if it has ended. */
const char *child_how_it_ended(const struct child *c);

/* Send a signal (0: none) to all processes of the server's group, and to its
   orphans. Was there any such process? */
bool child_signal_all(const struct child *c, int number);

/* Kill all these processes; PID is 0 then. */
void child_kill(struct child *c);

/* The end of play: child_kill(), and the guard ends. */
void child_finish(struct child *c);

/* Line I, which must be one that is kept. */
const char *log_line(const struct log *log, size_t i);

/* When line I was read. */
double log_time(const struct log *log, size_t i);

/* The first line from FROM on that is kept; n if there is none. */
size_t log_kept(const struct log *log, size_t from);

#endif
