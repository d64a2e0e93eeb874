/*
 * child: the server process of a scene: start it, read its output, signal it,
 * its log, signals, and its end with all that it has started. Below it: proc,
 * common.
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
#include "common.h"

/* Its log: the last lines that it has printed. A line has a number that grows
   for ever: 0 is the first one of the first server, n - 1 the newest. */
enum {
    LOG_LINES = 32768,     /* are kept; older ones are forgotten */
    LOG_LINE_BYTES = 1000, /* at most in a line; a longer one becomes two */
};

struct log {
    char *lines[LOG_LINES];  /* line i is at i % LOG_LINES */
    double times[LOG_LINES]; /* when it was read; see now() */
    size_t n;                /* lines so far */
    size_t first;            /* line of the server that runs now */
    char partial[LOG_LINE_BYTES + 1]; /* a line without its newline yet */
    size_t partial_size;
};

struct child {
    const char *xray; /* NULL, or the program that shows system calls: the
                         server is started under it (with the same pid) */
    pid_t pid;        /* and its process group; 0: there is none */
    bool ended;       /* by itself, with STATUS as waitpid(2) has it */
    int status;
    int port;         /* 0: it has not said yet that it listens */
    int output;       /* we read its stdout and stderr there; -1: the end */
    int keyboard;     /* we write to its stdin there; -1: closed */
    struct log log;
    /* private: */
    int guard;        /* a pipe: we tell the guard there which group it is */
    pid_t guard_pid;
    bool adopts;      /* orphans of the server become children of ours */
    struct rlimit files; /* that play was started with: RLIMIT_NOFILE */
};

/* Start the guard, become the parent of the server's orphans, and raise our
   own limit of open files. Call it once, before anything else here; *C is all
   zero, except for xray. */
bool child_prepare(struct child *c);

/* Start ARGUMENTS[0] with the rest of ARGUMENTS, up to a NULL. It may open
   FILES files, at most files.rlim_max (0: the limit is as it was for play). No
   other server may be there. False: it cannot be started. */
bool child_start(struct child *c, char **arguments, long files);

/* Read what of the output is there, at most 16 KiB, into the log. PORT is set
   by the first line with "listening on ADDRESS:PORT". False: no memory. */
bool child_read(struct child *c);

/* Reap children that have ended. If the server has, ENDED is set. */
void child_reap(struct child *c);

/* The server may be ending: read its output until it has ended, but for 0.1 s
   at most. */
void child_read_last_words(struct child *c);

/* "exit status 3" or "killed by SIGTERM"; for one that has ended. */
const char *child_how_it_ended(const struct child *c);

/* Send a signal (0: none) to the server, to all of its process group, and to
   its orphans. Has any such process been there? */
bool child_signal_all(const struct child *c, int number);

/* Kill all that is left of the server, and forget it: PID is 0 then. */
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
