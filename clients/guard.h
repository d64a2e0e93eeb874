/*
 * guard: a second process, which looks after play. Below it: proc,
 * play-common.
 *
 * However play ends, the server must end with it: when play has ended,
 * perhaps by kill -9, the guard kills the process group of the server. And a
 * server may attack play. Where the system has /proc, the guard looks at play
 * twice a second:
 *
 * - Something has stopped play (SIGSTOP), and not Ctrl-Z or another SIGTSTP of
 *   play's own session: the guard lets play go on (SIGCONT). The third time it
 *   kills the server first.
 * - A process that play or its server has started traces play (ptrace(2)): the
 *   guard kills that process, and the server.
 *
 * A program that runs as the same user can kill play and its guard. So this
 * does not stand in for a grader, which runs the server as another user.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <sys/types.h>

struct guard {
    pid_t pid;
    int to; /* a pipe */
};

/* Start it. Call it before any other process is started. */
bool guard_start(struct guard *g);

/* From now on SIGTSTP, SIGTTIN and SIGTTOU stop play only if the kernel, or a
   process of our session has sent them. */
void guard_catch_stops(void);

/* From now on the guard kills this process group when play ends; 0: none. A
   signal handler may call it. False: there is no guard any more. */
bool guard_watch(const struct guard *g, pid_t group);

/* What the guard has done for play since the last call; NULL: nothing. */
const char *guard_seen(void);

/* It ends. */
void guard_end(struct guard *g);

#endif
