/* stage: a scene while it plays. See stage.h. */
#include "stage.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "proc.h"

enum {
    QUIET_MS = 3,        /* without a new line: the server prints no more */
    QUIET_PACED_MS = 25, /* the same, when somebody watches */
    FIRST_PEER = 2,      /* in fds: the index after the signals and the log */
};

/* A signal handler gets no pointer, so these are the program's. */
static int signals[2]; /* a pipe: the handler writes, the loop reads */
static int ending;     /* what stage_ending() returns */
static volatile sig_atomic_t sender; /* of the last signal but SIGCHLD */

/* --------------------------------------------------------------- signals */

static void note_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    (void)context;
    if (number != SIGCHLD)
        sender = info->si_code > 0 ? 0 : info->si_pid;
    if (write(signals[1], &byte, 1) < 0) {
        /* The pipe is full, so the loop wakes anyway. */
    }
    errno = saved;
}

bool stage_catch_signals(void)
{
    static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD };
    struct sigaction action = { .sa_sigaction = note_signal };
    if (!fd_pipe(signals))
        return false;
    fd_nonblocking(signals[0]);
    fd_nonblocking(signals[1]);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        action.sa_flags = SA_SIGINFO |
                          (wanted[i] == SIGCHLD ? SA_RESTART : 0);
        sigaction(wanted[i], &action, NULL);
    }
    guard_catch_stops();
    return true;
}

int stage_ending(void)
{
    unsigned char number;
    while (read(signals[0], &number, 1) == 1)
        if (number != SIGCHLD && ending == 0)
            ending = number;
    return ending;
}

bool stage_server_sent_it(const struct stage *s)
{
    return sender > 0 && s->child.pid > 0 &&
           getsid((pid_t)sender) == s->child.pid;
}

/* ------------------------------------------------- seen from the outside */

bool stage_warn(struct stage *s, const char *format, ...)
{
    char text[WARNING_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (int i = 0; i < s->n_warnings; i++)
        if (strcmp(s->warnings[i], text) == 0)
            return true;
    if (s->n_warnings == MOST_WARNINGS)
        return true;
    strcpy(s->warnings[s->n_warnings++], text);
    if (s->quiet)
        fprintf(stderr, "%s: %s\n", s->scene->file, text);
    return screen_note(&s->screen, text);
}

bool stage_look(struct stage *s)
{
    char text[WARNING_BYTES / 2], program[PATH_MAX];
    const struct child *c = &s->child;
    size_t known = 1; /* the listener, and a socket for each client */
    if (c->pid == 0 || c->ended)
        return true;
    for (size_t i = 0; i < s->peers.n; i++)
        known += s->peers.all[i].fd >= 0;
    if (c->port != 0 &&
        proc_listens_elsewhere(c->pid, c->port, known, text, sizeof text) &&
        !stage_warn(s, "the server also listens on %s", text))
        return false;
    if (c->port != 0 && proc_port_is_of_another(c->pid, c->port) &&
        !stage_warn(s, "port %d is not the server's, but that of another "
                    "process", c->port))
        return false;
    if (s->kit == NULL || s->program == NULL ||
        realpath(s->server_path, program) == NULL ||
        !proc_runs_below(c->pid, s->kit, program, text, sizeof text))
        return true;
    return stage_warn(s, "the program that runs is %s of the kit", text);
}

/* -------------------------------------------------------------- one turn */

/* Fill FDS with the fds to wait for, and WHOSE with their clients. Returns how
   many there are; 0: no memory. */
static nfds_t gather(struct stage *s)
{
    size_t most = FIRST_PEER + s->peers.n;
    nfds_t n = FIRST_PEER;
    struct pollfd *fds = grown(s->fds, most * sizeof *fds);
    if (fds == NULL)
        return 0;
    s->fds = fds;
    size_t *whose = grown(s->whose, most * sizeof *whose);
    if (whose == NULL)
        return 0;
    s->whose = whose;
    fds[0] = (struct pollfd){ signals[0], POLLIN, 0 };
    fds[1] = (struct pollfd){ s->child.output, POLLIN, 0 };
    for (size_t i = 0; i < s->peers.n; i++) {
        const struct peer *p = &s->peers.all[i];
        short events = peer_events(p);
        if (events == 0)
            continue;
        whose[n] = i;
        fds[n++] = (struct pollfd){ p->fd, events, 0 };
    }
    return n;
}

bool stage_turn(struct stage *s, double seconds)
{
    int ms = seconds <= 0 ? 0 : (int)(seconds * 1000 + 0.999);
    nfds_t n = gather(s);
    if (n == 0)
        return false;
    if (poll(s->fds, n, ms) < 0 && errno != EINTR) {
        if (errno != ENOMEM && errno != EAGAIN)
            return fail("poll: %s", strerror(errno));
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    if (stage_ending() != 0)
        return fail("interrupted");
    const char *seen = guard_seen();
    if (seen != NULL && !stage_warn(s, "%s", seen))
        return false;
    child_reap(&s->child);
    if (s->child.output >= 0 && (s->fds[1].revents != 0 || s->child.ended) &&
        !(child_read(&s->child) && screen_log(&s->screen)))
        return false;
    for (nfds_t i = FIRST_PEER; i < n; i++)
        if (s->fds[i].revents != 0 &&
            !peer_ready(&s->peers.all[s->whose[i]], s->fds[i].revents))
            return false;
    return true;
}

/* ---------------------------------------------------------- many turns */

bool stage_pass(struct stage *s, double seconds)
{
    double end = now() + seconds;
    for (double left = seconds; left > 0; left = end - now())
        if (!stage_turn(s, left))
            return false;
    return true;
}

bool stage_settle(struct stage *s)
{
    double end = now() + 0.5;
    size_t before;
    do {
        before = s->child.log.n;
        if (!stage_pass(s, (s->pace > 0 ? QUIET_PACED_MS : QUIET_MS) / 1000.0))
            return false;
    } while (s->child.log.n != before && now() < end);
    return true;
}

bool stage_await_peers(struct stage *s, double seconds)
{
    double end = now() + seconds;
    size_t i = 0;
    for (;;) { /* meanwhile no client begins to wait, so I never goes back */
        while (i < s->peers.n && !peer_waits(&s->peers.all[i]))
            i++;
        if (i == s->peers.n)
            return true;
        if (now() >= end)
            return peer_too_late(&s->peers.all[i], seconds);
        if (!stage_turn(s, end - now()))
            return false;
    }
}

bool stage_await_port(struct stage *s)
{
    struct child *c = &s->child;
    double end = now() + s->timeout;
    struct usage usage;
    if (c->port != 0)
        return true;
    while (c->port == 0 && now() < end && !(c->ended && c->output < 0))
        if (!stage_turn(s, end - now()))
            return false;
    if (c->port == 0 && c->ended)
        return fail("%s ended before it was ready", s->server_path);
    if (c->port == 0)
        return fail("%s is not ready: no line \"listening on ADDRESS:PORT\" "
                    "in %g s", s->server_path, s->timeout);
    if (proc_usage(c->pid, &usage))
        s->memory = usage.memory;
    return stage_look(s);
}

bool stage_await_end(struct stage *s, double seconds)
{
    struct child *c = &s->child;
    double end = now() + seconds;
    while ((!c->ended || c->output >= 0 || child_left(c)) && now() < end)
        if (!stage_turn(s, c->ended ? 0.01 : end - now()))
            return false;
    if (!c->ended)
        return fail("the server is still running after %g s", seconds);
    return !child_left(c) ||
           fail("the server has left processes behind");
}

bool stage_checked(struct stage *s)
{
    s->n_checks++;
    return true;
}

bool stage_check_alive(const struct stage *s)
{
    return !s->child.ended || (s->may_end && s->child.exit_status == 0) ||
           fail("the server is not running any more");
}

bool stage_end_server(struct stage *s)
{
    struct child *c = &s->child;
    if (!stage_check_alive(s) || !stage_look(s))
        return false;
    if (!c->ended) {
        kill(c->pid, SIGTERM);
        kill(c->pid, SIGCONT); /* in case it is stopped */
    }
    if (!stage_await_end(s, stage_within(s, 2)))
        return false;
    if (c->exit_status != 0 && c->killed_by != SIGTERM)
        return fail("SIGTERM must end the server: with exit status 0, or "
                    "killed by it");
    child_kill(c);
    return true;
}

double stage_within(const struct stage *s, double seconds)
{
    return s->timeout < seconds ? s->timeout : seconds;
}

struct label stage_label(const struct stage *s, size_t i)
{
    return (struct label){ s->peers.all[i].name, i < s->peers.n_named
                           ? CLIENT + i % CLIENTS : BOLD };
}
