/*
 * stage: a scene while it plays: its server, its clients, the screen, and the
 * loop over them. Below it: child, peers, screen, proc,
 * scene, play-common.
 *
 * While an action waits it calls stage_turn(), or a function here that does,
 * so that everything else goes on. Each returns false if the scene cannot go
 * on: something came that no client expects, the screen cannot be written, or
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

enum { MOST_WARNINGS = 8, WARNING_BYTES = 200 };

struct stage {
    double timeout;      /* seconds to wait for what is expected */
    double pace;         /* seconds between two actions */
    const char *program; /* starts in place of the scene's; or NULL */
    const struct scene *scene;
    struct screen screen;
    struct child child;
    struct peers peers;
    const char *server_path; /* of the server started last */
    long files;          /* the next server may open so many; 0: as play */
    bool may_end;        /* the server may end, with exit status 0 */
    long memory;         /* KiB of the server when it was ready; 0: unknown */
    size_t seen;         /* the line of the log where "see" begins to look */
    int n_checks;        /* checks that held, so far */
    int n_skipped;       /* parts of the scene that the system cannot do */
    bool quiet;          /* warnings go to standard error */
    const char *kit;     /* the directory above that of play; NULL: unknown */
    /* private: */
    char warnings[MOST_WARNINGS][WARNING_BYTES]; /* so far */
    int n_warnings;
    struct pollfd *fds;
    size_t *whose;
};

/* From now on SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGCHLD wake the loop; and
   play ignores SIGPIPE. */
bool stage_catch_signals(void);

/* The first signal that asked play to end; 0: none. */
int stage_ending(void);

/* Has a process of the server sent that signal? */
bool stage_server_sent_it(const struct stage *s);

/* Print what the server does and should not do, though the scene can go on.
   The same text is printed once. */
bool stage_warn(struct stage *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Look at the server from outside: where does it listen, and which program is
   it? */
bool stage_look(struct stage *s);

/* One turn of the loop, for SECONDS at most: wait until the server prints or
   ends, or a client can connect, send or read; then do that. */
bool stage_turn(struct stage *s, double seconds);

/* Let SECONDS pass. */
bool stage_pass(struct stage *s, double seconds);

/* Wait until the server prints nothing for a moment, for 0.5 s at most: so its
   lines stand below the action that caused them. */
bool stage_settle(struct stage *s);

/* Wait until no client expects anything; false after SECONDS. */
bool stage_await_peers(struct stage *s, double seconds);

/* Wait until the server says where it listens; false after the timeout, or if
   it ends before. */
bool stage_await_port(struct stage *s);

/* Wait until the server has ended, and all processes that it has started;
   false after SECONDS. */
bool stage_await_end(struct stage *s, double seconds);

/* Count a check that held. Returns true. */
bool stage_checked(struct stage *s);

/* False: the server has ended, and may not. */
bool stage_check_alive(const struct stage *s);

/* Send SIGTERM, and wait until the server has ended, 2 s at most. False: it
   does not end, or not as it should. */
bool stage_end_server(struct stage *s);

/* SECONDS, or less if the timeout is less. */
double stage_within(const struct stage *s, double seconds);

/* The name of client I (an index of peers.all), and its colour. */
struct label stage_label(const struct stage *s, size_t i);

#endif
