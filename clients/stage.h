/*
 * stage: a scene while it plays: its server, its clients, what is drawn, and
 * the loop that lets all of them go on. Below it: child, peers, screen, proc,
 * scene, common.
 *
 * Everything that takes time calls stage_turn() meanwhile, directly or through
 * another function here; each returns false, after fail(), if the scene cannot
 * go on: something came that was not wanted, the screen cannot be written, or
 * a signal asks play to end.
 */
#ifndef STAGE_H
#define STAGE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include "child.h"
#include "peers.h"
#include "scene.h"
#include "screen.h"

struct stage {
    double timeout;      /* seconds to wait for what is expected */
    double pace;         /* seconds between two actions */
    const char *program; /* to start in the place of the scene's; or NULL */
    const struct scene *scene;
    struct screen screen;
    struct child child;
    struct peers peers;
    const char *server_path; /* of the server that was started last */
    long files;          /* the next server may open so many; 0: as ours */
    bool may_end;        /* a signal was sent, or it is a "run" */
    long memory;         /* of the server when it was ready, KiB; 0: unknown */
    size_t seen;         /* lines of the log before it were seen by "see" */
    int n_checks;        /* that held, so far */
    /* private: */
    struct pollfd *fds;
    size_t *whose;
};

/* SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGCHLD wake the loop from now on, and
   SIGPIPE is ignored. */
bool stage_catch_signals(void);

/* The first signal that asked play to end; 0: none. */
int stage_ending(void);

/* One turn of the loop, for SECONDS at most: wait until the server prints or
   ends, or a client can connect, send or read; then do that. */
bool stage_turn(struct stage *s, double seconds);

/* Let SECONDS pass. */
bool stage_pass(struct stage *s, double seconds);

/* Until the log is quiet, but for 0.5 s at most: what it says belongs to this
   action, not to the next. */
bool stage_settle(struct stage *s);

/* Until no client waits for anything; false after SECONDS. */
bool stage_await_peers(struct stage *s, double seconds);

/* Until the server says where it listens (and then it may have ended). */
bool stage_await_port(struct stage *s);

/* Until the server has ended, and all processes that it has started. */
bool stage_await_end(struct stage *s, double seconds);

/* False: the server has ended, and may not (it may end with status 0 after a
   signal, or if it is a "run"). */
bool stage_check_alive(const struct stage *s);

/* SIGTERM must end the server now, unless it has ended as it may. */
bool stage_end_server(struct stage *s);

/* SECONDS, or less if the timeout is less. */
double stage_within(const struct stage *s, double seconds);

/* The name of client I, and its colour. */
struct label stage_label(const struct stage *s, size_t i);

#endif
