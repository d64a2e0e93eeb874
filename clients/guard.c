/* guard: a process that looks after play. See guard.h. */
#include "guard.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "play-common.h"
#include "proc.h"

enum {
    LOOK_MS = 500,
    MOST_STOPS = 3,   /* then the server is killed */
    MOST_FDS = 1024,  /* fds below are closed in the guard */
    PAUSED = -1, GOES_ON = -2, /* messages; any other one is a group */
    STOPPED = 1, TRACED = 2,   /* what the guard reports, with a SIGCONT */
};

/* For the signal handlers of play. */
static struct guard guard = { 0, -1 };
static volatile sig_atomic_t seen; /* STOPPED or TRACED; 0: nothing */

/* ---------------------------------------------------------- in the guard */

struct watched {
    pid_t play, group, first_tracer;
    bool paused;
    int stops;
};

static void let_go_on(const struct watched *w, int why)
{
#ifdef __linux__
    sigqueue(w->play, SIGCONT, (union sigval){ .sival_int = why });
#else
    (void)why;
    kill(w->play, SIGCONT);
#endif
}

static void kill_group(pid_t group)
{
    if (group > 0)
        kill(-group, SIGKILL);
}

static void look(struct watched *w)
{
    struct process p;
    if (!proc_look(w->play, &p))
        return;
    if (p.tracer != 0 && p.tracer != w->first_tracer &&
        proc_descends(p.tracer, w->play)) {
        kill_group(w->group);
        kill(p.tracer, SIGKILL);
        let_go_on(w, TRACED);
    }
    if (p.state == 'T' && !w->paused) {
        if (++w->stops >= MOST_STOPS)
            kill_group(w->group);
        let_go_on(w, STOPPED);
    }
}

static _Noreturn void run_guard(pid_t play, int from_play)
{
    struct watched w = { .play = play };
    struct process p;
    struct pollfd input = { from_play, POLLIN, 0 };
    pid_t message;
    size_t got = 0; /* bytes of MESSAGE */
    setsid(); /* Ctrl-C does not reach it */
    signal(SIGTERM, SIG_IGN);
    for (int fd = 0; fd < MOST_FDS; fd++)
        if (fd != from_play)
            close(fd);
    if (proc_look(play, &p))
        w.first_tracer = p.tracer; /* strace play */
    for (;;) {
        int ready = poll(&input, 1, LOOK_MS);
        if (ready == 0)
            look(&w);
        if (ready <= 0)
            continue;
        ssize_t n = read(from_play, (char *)&message + got,
                         sizeof message - got);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        got += n < 0 ? 0 : (size_t)n;
        if (got < sizeof message)
            continue;
        got = 0;
        if (message >= 0)
            w.group = message;
        else
            w.paused = message == PAUSED;
    }
    kill_group(w.group);
    _exit(0);
}

/* ---------------------------------------------------------------- in play */

bool guard_start(struct guard *g)
{
    int ends[2];
    pid_t play = getpid();
    if (!fd_pipe(ends))
        return false;
    g->to = ends[1];
    g->pid = fork();
    if (g->pid < 0)
        return fail("fork: %s", strerror(errno));
    if (g->pid == 0)
        run_guard(play, ends[0]);
    close(ends[0]);
    guard = *g;
    return true;
}

static bool send_message(const struct guard *g, pid_t message)
{
    ssize_t n;
    do
        n = write(g->to, &message, sizeof message);
    while (n < 0 && errno == EINTR);
    return n == sizeof message;
}

bool guard_watch(const struct guard *g, pid_t group)
{
    return send_message(g, group);
}

/* SIGTSTP, SIGTTIN, SIGTTOU. */
static void pause_play(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    (void)number, (void)context;
    if (info->si_code > 0 || getsid(info->si_pid) == getsid(0)) {
        send_message(&guard, PAUSED);
        raise(SIGSTOP);
        send_message(&guard, GOES_ON);
    }
    errno = saved;
}

static void note_seen(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    if (info->si_code == SI_QUEUE && info->si_pid == guard.pid)
        seen = info->si_value.sival_int;
}

void guard_catch_stops(void)
{
    struct sigaction pauses = { .sa_sigaction = pause_play,
                                .sa_flags = SA_SIGINFO | SA_RESTART };
    struct sigaction notes = { .sa_sigaction = note_seen,
                               .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGTSTP, &pauses, NULL);
    sigaction(SIGTTIN, &pauses, NULL);
    sigaction(SIGTTOU, &pauses, NULL);
    sigaction(SIGCONT, &notes, NULL);
}

const char *guard_seen(void)
{
    int what = seen;
    seen = 0;
    return what == STOPPED ? "a process has stopped play (SIGSTOP)"
         : what == TRACED ? "the server traces play (ptrace): it is killed"
         : NULL;
}

void guard_end(struct guard *g)
{
    if (g->to >= 0)
        close(g->to);
    g->to = guard.to = -1;
    if (g->pid <= 0)
        return;
    kill(g->pid, SIGKILL); /* it may be stopped, and nothing is left to do */
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
