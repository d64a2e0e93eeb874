/* child: the server process of a scene. See child.h. */
#include "child.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>
#include "proc.h"

enum {
    READ_BYTES = 16 * 1024, /* in one read(): less than LOG_LINES */
    MOST_ARGUMENTS = 80,    /* of a server under xray */
    SOME_ORPHANS = 64,      /* are looked at in one call */
    CAP_TO_TRACE = 19,      /* CAP_SYS_PTRACE; musl has no name for it */
};

static const double KILL_SECONDS = 2, LAST_WORDS_SECONDS = 0.1;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --------------------------------------------------------- the beginning */

bool child_prepare(struct child *c)
{
    struct rlimit limit;
    c->output = c->keyboard = c->guard.to = -1;
#ifdef __linux__
    prctl(PR_SET_DUMPABLE, 0); /* ptrace(2) needs CAP_SYS_PTRACE now */
    /* only if play has no other children: all are orphans then */
    c->adopts = waitpid(-1, NULL, WNOHANG) < 0 &&
                prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
#endif
    getrlimit(RLIMIT_NOFILE, &c->files);
    limit = c->files;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* for a crowd */
    return guard_start(&c->guard);
}

/* ------------------------------------------------------------- the start */

/* Become the program under xray; the program gets the pid. */
static void become_traced(const struct child *c, char **arguments)
{
    char path[4096], xray[4096], dashes[] = "--";
    char *longer[MOST_ARGUMENTS + 1] = { xray, dashes, path };
    snprintf(xray, sizeof xray, "%s", c->xray);
    snprintf(path, sizeof path, "%s%s", strchr(arguments[0], '/') ? "" : "./",
             arguments[0]); /* else xray would look for it in $PATH */
    for (int n = 3; n < MOST_ARGUMENTS && arguments[n - 2] != NULL; n++)
        longer[n] = arguments[n - 2];
    execv(xray, longer);
}

/* In the new process: what the program may do. */
static bool set_limits(const struct child *c, long files)
{
    struct rlimit limit = c->files, size;
    if (files > 0)
        limit.rlim_cur = limit.rlim_max = (rlim_t)files;
    getrlimit(RLIMIT_FSIZE, &size);
    if (size.rlim_cur == RLIM_INFINITY || size.rlim_cur > MOST_FILE)
        size.rlim_cur = MOST_FILE;
    setrlimit(RLIMIT_FSIZE, &size);
#ifdef __linux__
    if (c->xray == NULL) /* root, too, can trace only its own children */
        prctl(PR_CAPBSET_DROP, CAP_TO_TRACE, 0, 0, 0);
#endif
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* In the new process: become the program. Before, the process itself sends its
   group to the guard: so at no moment there is a server without a guard. If
   something fails, errno goes to the pipe TROUBLE. */
static _Noreturn void become(const struct child *c, char **arguments,
                             long files, const int fds[3], int trouble)
{
    setsid();
    for (int fd = 0; fd < 3; fd++)
        dup2(fds[fd], fd);
    for (int number = 1; number < 32; number++)
        signal(number, SIG_DFL);
    if (guard_watch(&c->guard, getpid()) && set_limits(c, files)) {
        if (c->xray != NULL)
            become_traced(c, arguments);
        else
            execv(arguments[0], arguments);
    }
    int why = errno;
    _exit(write(trouble, &why, sizeof why) == sizeof why ? 126 : 127);
}

/* Has the new process become the program? Else its errno is in TROUBLE. */
static bool has_become(struct child *c, int trouble, const char *program)
{
    int why;
    size_t got = 0;
    ssize_t n;
    while (got < sizeof why &&
           ((n = read(trouble, (char *)&why + got, sizeof why - got)) > 0 ||
            (n < 0 && errno == EINTR)))
        got += n < 0 ? 0 : (size_t)n;
    close(trouble);
    if (got < sizeof why)
        return true;
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    return fail("cannot start %s: %s", c->xray != NULL ? c->xray : program,
                strerror(why));
}

bool child_start(struct child *c, char **arguments, long files)
{
    int in[2], out[2], trouble[2];
    if (!fd_pipe(in) || !fd_pipe(out) || !fd_pipe(trouble))
        return false;
    c->port = 0;
    c->log.first = c->log.n;
    c->log.partial_size = 0;
    pid_t pid = fork();
    if (pid < 0)
        return fail("fork: %s", strerror(errno));
    if (pid == 0)
        become(c, arguments, files, (int[]){ in[0], out[1], out[1] },
               trouble[1]);
    c->pid = pid;
    c->ended = false;
    close(in[0]);
    close(out[1]);
    close(trouble[1]);
    c->keyboard = in[1];
    c->output = out[0];
    fd_nonblocking(c->keyboard);
    fd_nonblocking(c->output);
    return has_become(c, trouble[0], arguments[0]);
}

/* --------------------------------------------------------------- its log */

/* PARTIAL becomes the newest line. */
static bool add_line(struct log *log)
{
    char **slot = &log->lines[log->n % LOG_LINES];
    log->partial[log->partial_size] = '\0';
    log->partial_size = 0;
    free(*slot);
    *slot = strdup(log->partial);
    if (*slot == NULL)
        return fail("no memory");
    log->times[log->n++ % LOG_LINES] = now();
    return true;
}

/* Add N bytes of output. A NUL becomes a space. False: no memory. */
static bool log_add(struct log *log, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n')
            log->partial[log->partial_size++] = bytes[i] == '\0' ? ' '
                                                                 : bytes[i];
        if ((bytes[i] == '\n' || log->partial_size == LOG_LINE_BYTES) &&
            !add_line(log))
            return false;
    }
    return true;
}

/* The output has ended: so has a line without a newline. False: no memory. */
static bool log_end(struct log *log)
{
    return log->partial_size == 0 || add_line(log);
}

const char *log_line(const struct log *log, size_t i)
{
    return log->lines[i % LOG_LINES];
}

double log_time(const struct log *log, size_t i)
{
    return log->times[i % LOG_LINES];
}

size_t log_kept(const struct log *log, size_t from)
{
    return log->n > LOG_LINES && from < log->n - LOG_LINES
        ? log->n - LOG_LINES : from;
}

bool child_read(struct child *c)
{
    char buffer[READ_BYTES];
    size_t before = c->log.n;
    ssize_t n = read(c->output, buffer, sizeof buffer);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        close_fd(&c->output);
    if (!(n > 0 ? log_add(&c->log, buffer, (size_t)n) : log_end(&c->log)))
        return false;
    for (size_t i = before; i < c->log.n && c->port == 0; i++) {
        const char *ready = strstr(log_line(&c->log, i), "listening on ");
        if (ready != NULL)
            sscanf(ready, "listening on %*[0-9.]:%5d", &c->port);
        if (c->port < 0 || c->port > 65535)
            c->port = 0;
    }
    return true;
}

void child_read_last_words(struct child *c)
{
    double end = now() + LAST_WORDS_SECONDS;
    while (c->pid != 0 && (c->output >= 0 || !c->ended) && now() < end) {
        struct pollfd output = { c->output, POLLIN, 0 };
        if (poll(&output, 1, 5) > 0 && !child_read(c))
            return;
        child_reap(c);
    }
}

/* --------------------------------------------------------------- its end */

/* Has the server ended? It stays a zombie. */
static void note_end(struct child *c)
{
    siginfo_t info = { .si_pid = 0 };
    if (c->pid <= 0 || c->ended ||
        waitid(P_PID, (id_t)c->pid, &info,
               WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != c->pid)
        return;
    c->ended = true;
    c->exit_status = info.si_code == CLD_EXITED ? info.si_status : -1;
    c->killed_by = info.si_code == CLD_EXITED ? 0 : info.si_status;
}

/* Orphans of the server, our children now, that have not been reaped: at most
   SOME_ORPHANS of them. Returns how many. */
static size_t orphans_of(const struct child *c, pid_t orphans[SOME_ORPHANS])
{
    pid_t all[SOME_ORPHANS + 2];
    size_t n = 0, n_all = c->adopts ? proc_children(all, SOME_ORPHANS + 2) : 0;
    for (size_t i = 0; i < n_all && n < SOME_ORPHANS; i++)
        if (all[i] != c->pid && all[i] != c->guard.pid)
            orphans[n++] = all[i];
    return n;
}

void child_reap(struct child *c)
{
    pid_t orphans[SOME_ORPHANS];
    siginfo_t info = { .si_pid = 0 };
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return;
    note_end(c);
    for (size_t i = 0, n = orphans_of(c, orphans); i < n; i++)
        waitpid(orphans[i], NULL, WNOHANG);
}

const char *child_how_it_ended(const struct child *c)
{
    static char text[64];
    if (c->killed_by != 0)
        snprintf(text, sizeof text, "killed by %s",
                 signal_name(c->killed_by));
    else
        snprintf(text, sizeof text, "exit status %d", c->exit_status);
    return text;
}

bool child_left(struct child *c)
{
    pid_t orphans[SOME_ORPHANS];
    child_reap(c);
    return c->adopts ? orphans_of(c, orphans) > 0
                     : c->pid > 0 && proc_group_lives(c->pid);
}

bool child_kill(struct child *c)
{
    pid_t orphans[SOME_ORPHANS];
    double end = now() + KILL_SECONDS;
    bool left = true;
    if (c->pid == 0)
        return true;
    close_fd(&c->keyboard);
    close_fd(&c->output);
    while (left && now() < end) {
        kill(-c->pid, SIGKILL);
        for (size_t i = 0, n = orphans_of(c, orphans); i < n; i++)
            kill(orphans[i], SIGKILL);
        left = child_left(c) || !c->ended;
        if (left && !c->ended) /* else at once: orphans may have children */
            poll(NULL, 0, 1);
    }
    guard_watch(&c->guard, 0);
    waitpid(c->pid, NULL, WNOHANG); /* from now on the number is free */
    c->pid = 0;
    c->ended = false;
    return !left;
}

bool child_finish(struct child *c)
{
    bool all = child_kill(c);
    guard_end(&c->guard);
    return all;
}
