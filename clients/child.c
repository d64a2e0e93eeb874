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
    SOME_ORPHANS = 64,      /* get a signal in one call */
};

static const double KILL_SECONDS = 2, LAST_WORDS_SECONDS = 0.1;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ------------------------------------------------------------- the guard */

/* The guard waits until play has closed the other end of the pipe: play has
   ended, perhaps by kill -9. Then the guard kills the process group that play
   has named last; 0: none. */
static _Noreturn void guard(int from_play)
{
    pid_t group = 0, message;
    setsid(); /* Ctrl-C does not reach it */
    signal(SIGTERM, SIG_IGN);
    for (int fd = 0; fd < 1024; fd++)
        if (fd != from_play)
            close(fd);
    while (read(from_play, &message, sizeof message) == sizeof message)
        group = message;
    if (group > 0)
        kill(-group, SIGKILL);
    _exit(0);
}

static bool start_guard(struct child *c)
{
    int ends[2];
    if (!fd_pipe(ends))
        return false;
    c->guard = ends[1];
    c->guard_pid = fork();
    if (c->guard_pid < 0)
        return fail("fork: %s", strerror(errno));
    if (c->guard_pid == 0)
        guard(ends[0]);
    close(ends[0]);
    return true;
}

bool child_prepare(struct child *c)
{
    struct rlimit limit;
    c->output = c->keyboard = c->guard = -1;
#ifdef __linux__ /* only if play has no other children: all are orphans then */
    c->adopts = waitpid(-1, NULL, WNOHANG) < 0 &&
                prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
#endif
    getrlimit(RLIMIT_NOFILE, &c->files);
    limit = c->files;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* for a crowd */
    return start_guard(c);
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

/* In the new process: become the program. Before, the process itself sends its
   group to the guard: so at no moment there is a server without a guard. If
   something fails, errno goes to the pipe TROUBLE. */
static _Noreturn void become(const struct child *c, char **arguments,
                             long files, const int fds[3], int trouble)
{
    struct rlimit limit = c->files;
    pid_t group = getpid();
    setpgid(0, 0);
    for (int fd = 0; fd < 3; fd++)
        dup2(fds[fd], fd);
    if (files > 0)
        limit.rlim_cur = limit.rlim_max = (rlim_t)files;
    for (int number = 1; number < 32; number++)
        signal(number, SIG_DFL);
    if (write(c->guard, &group, sizeof group) == sizeof group &&
        setrlimit(RLIMIT_NOFILE, &limit) == 0) {
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
    bool started = read(trouble, &why, sizeof why) != sizeof why;
    close(trouble);
    if (started)
        return true;
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
    setpgid(pid, pid);
    c->pid = pid;
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
            sscanf(ready, "listening on %*[0-9.]:%d", &c->port);
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

void child_reap(struct child *c)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != c->pid)
            continue; /* an orphan */
        c->ended = true;
        c->status = status;
    }
}

const char *child_how_it_ended(const struct child *c)
{
    static char text[64];
    if (WIFSIGNALED(c->status))
        snprintf(text, sizeof text, "killed by %s",
                 signal_name(WTERMSIG(c->status)));
    else
        snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(c->status));
    return text;
}

bool child_signal_all(const struct child *c, int number)
{
    pid_t orphans[SOME_ORPHANS];
    bool any = c->pid > 0 && kill(-c->pid, number) == 0;
    size_t n = c->adopts ? proc_children(orphans, SOME_ORPHANS) : 0;
    for (size_t i = 0; i < n; i++)
        if (orphans[i] != c->guard_pid)
            any = kill(orphans[i], number) == 0 || any;
    return any;
}

void child_kill(struct child *c)
{
    pid_t none = 0;
    double end = now() + KILL_SECONDS;
    if (c->pid == 0)
        return;
    close_fd(&c->keyboard);
    close_fd(&c->output);
    for (; child_signal_all(c, SIGKILL) && now() < end; child_reap(c))
        poll(NULL, 0, 1);
    if (write(c->guard, &none, sizeof none) < 0) {
        /* somebody has killed the guard; nothing is left to be guarded */
    }
    c->pid = 0;
    c->ended = false;
}

void child_finish(struct child *c)
{
    child_kill(c);
    close_fd(&c->guard);
    if (c->guard_pid > 0)
        waitpid(c->guard_pid, NULL, 0);
}
