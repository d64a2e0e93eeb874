/* where: which system call the server sleeps in. See where.h. */
#include "where.h"
#ifdef __linux__
#include <dirent.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "proc.h"

enum {
    PLACES = 6,      /* different places that the text names */
    PLACE_BYTES = 60,
    LOOKS = 5,       /* a server that uses the CPU at all of them is awake */
    LOOK_MS = 2,     /* between two looks */
    LISTENS = 0x0A,  /* TCP_LISTEN, in /proc/net/tcp */
};

/* What all threads do at one moment. */
struct look {
    char places[PLACES][PLACE_BYTES]; /* "in send() to A", no two the same */
    int threads[PLACES];  /* how many are there */
    int n, elsewhere;     /* places; threads that are at none of them */
    int awake, stopped;
};

/* A line of /proc/net/tcp. */
struct tcp {
    unsigned port, peer_port, state;
    unsigned queued; /* if it listens: connections in the backlog */
    unsigned long inode;
};

struct call {
    long number;
    const char *name;
    const char *with; /* stands before the client's name; NULL: the call's
                         first argument is no fd */
};

static const struct call calls[] = {
    { SYS_read, "read", "from" },
    { SYS_readv, "readv", "from" },
    { SYS_write, "write", "to" },
    { SYS_writev, "writev", "to" },
    { SYS_recvfrom, "recv", "from" },
    { SYS_recvmsg, "recvmsg", "from" },
    { SYS_sendto, "send", "to" },
    { SYS_sendmsg, "sendmsg", "to" },
    { SYS_accept4, "accept", "from" },
    { SYS_connect, "connect", "to" },
    { SYS_nanosleep, "nanosleep", NULL },
    { SYS_clock_nanosleep, "clock_nanosleep", NULL },
    { SYS_epoll_pwait, "epoll_wait", NULL },
    { SYS_pselect6, "select", NULL },
    { SYS_ppoll, "poll", NULL },
    { SYS_wait4, "wait4", NULL },
    { SYS_waitid, "waitid", NULL },
    { SYS_flock, "flock", NULL },
    { SYS_rt_sigtimedwait, "sigwait", NULL },
#ifdef SYS_accept
    { SYS_accept, "accept", "from" },
#endif
#ifdef SYS_select
    { SYS_select, "select", NULL },
#endif
#ifdef SYS__newselect
    { SYS__newselect, "select", NULL },
#endif
#ifdef SYS_poll
    { SYS_poll, "poll", NULL },
#endif
#ifdef SYS_pause
    { SYS_pause, "pause", NULL },
#endif
#ifdef SYS_epoll_wait
    { SYS_epoll_wait, "epoll_wait", NULL },
#endif
#ifdef SYS_epoll_pwait2
    { SYS_epoll_pwait2, "epoll_wait", NULL },
#endif
#ifdef SYS_recv
    { SYS_recv, "recv", "from" },
#endif
#ifdef SYS_send
    { SYS_send, "send", "to" },
#endif
#ifdef SYS_socketcall
    { SYS_socketcall, "socketcall", NULL },
#endif
#ifdef SYS_pselect6_time64 /* 32 bits */
    { SYS_pselect6_time64, "select", NULL },
    { SYS_ppoll_time64, "poll", NULL },
    { SYS_clock_nanosleep_time64, "clock_nanosleep", NULL },
    { SYS_futex_time64, "futex", NULL },
#endif
};

/* The next line of F, which is /proc/net/tcp or tcp6. False: the end. */
static bool read_tcp(FILE *f, struct tcp *t)
{
    char line[512];
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "%*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x %*x:%x %*s %*s "
                   "%*u %*u %lu", &t->port, &t->peer_port, &t->state,
                   &t->queued, &t->inode) == 5)
            return true;
    return false;
}

/* Find the socket with this INODE; or if that is 0, the one that listens at
   PORT. False: there is none. */
static bool find_tcp(unsigned long inode, unsigned port, struct tcp *t)
{
    static const char *const files[] = { "/proc/net/tcp", "/proc/net/tcp6" };
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof *files && !found; i++) {
        FILE *f = fopen(files[i], "r");
        while (f != NULL && !found && read_tcp(f, t))
            found = inode != 0 ? t->inode == inode
                  : t->port == port && t->state == LISTENS;
        if (f != NULL)
            fclose(f);
    }
    return found;
}

/* The client at the other end of the process's FD; NULL: none that PEERS has.
   Its own output is "its log". */
static const char *client_at(pid_t pid, unsigned long fd,
                             const struct peers *peers)
{
    char name[64], target[64];
    unsigned long inode;
    struct tcp t;
    snprintf(name, sizeof name, "/proc/%d/fd/%lu", (int)pid, fd);
    ssize_t n = readlink(name, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    if (sscanf(target, "socket:[%lu]", &inode) != 1)
        return fd == STDOUT_FILENO || fd == STDERR_FILENO ? "its log" : NULL;
    if (!find_tcp(inode, 0, &t))
        return NULL;
    for (size_t i = 0; i < peers->n; i++)
        if (peers->all[i].fd >= 0 &&
            peers->all[i].port == (int)t.peer_port)
            return i < peers->n_named ? peers->all[i].name : "the crowd";
    return NULL;
}

/* Write to TEXT where a thread sleeps. SYSCALL is its line in /proc. */
static void describe(char *text, const char *syscall, pid_t pid,
                     const struct peers *peers)
{
    long number;
    unsigned long fd = 0;
    if (sscanf(syscall, "%ld %lx", &number, &fd) < 1 || number < 0) {
        snprintf(text, PLACE_BYTES, "outside of all system calls");
        return;
    }
    if (number == SYS_futex) {
        snprintf(text, PLACE_BYTES, "in futex(): it waits for a thread");
        return;
    }
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const struct call *c = &calls[i];
        if (number != c->number)
            continue;
        const char *client = c->with == NULL ? NULL
                                             : client_at(pid, fd, peers);
        snprintf(text, PLACE_BYTES, "in %s()%s%s%s%s", c->name,
                 client != NULL ? " " : "", client != NULL ? c->with : "",
                 client != NULL ? " " : "", client != NULL ? client : "");
        return;
    }
    snprintf(text, PLACE_BYTES, "in system call %ld", number);
}

/* Count one more thread at this place. */
static void add_place(struct look *look, const char *text)
{
    int i = 0;
    while (i < look->n && strcmp(look->places[i], text) != 0)
        i++;
    if (i == PLACES) {
        look->elsewhere++;
        return;
    }
    if (i == look->n)
        snprintf(look->places[look->n++], PLACE_BYTES, "%s", text);
    look->threads[i]++;
}

/* The first line of /proc/PID/task/TID/NAME, "" if there is none. */
static void read_line(char *line, int size, pid_t pid, long tid,
                      const char *name)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%ld/%s", (int)pid, tid, name);
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(line, size, f) == NULL)
        line[0] = '\0';
    if (f != NULL)
        fclose(f);
}

static void look_at_thread(struct look *look, pid_t pid, long tid,
                           const struct peers *peers)
{
    char line[512], text[PLACE_BYTES], state = 'Z';
    read_line(line, sizeof line, pid, tid, "stat");
    const char *after_name = strrchr(line, ')');
    if (after_name != NULL)
        sscanf(after_name, ") %c", &state);
    if (state == 'T')
        look->stopped++;
    else if (state == 'R' || state == 't') /* t: xray looks at a call of it */
        look->awake++;
    else if (state != 'Z' && state != 'X') {
        read_line(line, sizeof line, pid, tid, "syscall");
        if (line[0] == '\0')
            add_place(look, "(the system does not tell in which call)");
        else if (strncmp(line, "running", 7) == 0)
            look->awake++;
        else {
            describe(text, line, pid, peers);
            add_place(look, text);
        }
    }
}

static void look_at_process(struct look *look, pid_t pid,
                            const struct peers *peers)
{
    char name[64];
    struct dirent *task;
    snprintf(name, sizeof name, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(name);
    while (tasks != NULL && (task = readdir(tasks)) != NULL)
        if (task->d_name[0] != '.')
            look_at_thread(look, pid, atol(task->d_name), peers);
    if (tasks != NULL)
        closedir(tasks);
}

/* The process that traces the group's leader, which is xray; 0: none. */
static pid_t tracer_of(pid_t pid)
{
    char name[64], line[256];
    int tracer = 0;
    snprintf(name, sizeof name, "/proc/%d/status", (int)pid);
    FILE *f = fopen(name, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "TracerPid: %d", &tracer) == 1)
            break;
    if (f != NULL)
        fclose(f);
    return tracer;
}

static void look_at_group(struct look *look, pid_t group,
                          const struct peers *peers)
{
    pid_t pid, tracer = tracer_of(group);
    DIR *processes = opendir("/proc");
    *look = (struct look){ .n = 0 };
    while ((pid = proc_next_of_group(processes, group)) > 0)
        if (pid != tracer)
            look_at_process(look, pid, peers);
    if (processes != NULL)
        closedir(processes);
}

/* Append to TEXT. */
static void __attribute__((format(printf, 2, 3)))
append(char *text, const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, WHERE_BYTES - n, format, arguments);
    va_end(arguments);
}

/* One place stands on the line, several have a line each. */
static void append_places(char *text, const struct look *look)
{
    const char *before = look->n + look->elsewhere > 1 ? "\n    " : " ";
    for (int i = 0; i < look->n; i++) {
        append(text, "%s%s", before, look->places[i]);
        if (look->threads[i] > 1)
            append(text, " (%d threads)", look->threads[i]);
    }
    if (look->elsewhere > 0)
        append(text, "%sand in others (%d threads)", before,
               look->elsewhere);
}

void where_look(char *text, pid_t group, int port, const struct peers *peers)
{
    struct look look;
    struct tcp t;
    text[0] = '\0';
    look_at_group(&look, group, peers);
    for (int i = 1; i < LOOKS && look.awake > 0; i++) {
        poll(NULL, 0, LOOK_MS);
        look_at_group(&look, group, peers);
    }
    if (look.awake > 0)
        append(text, "the server uses the CPU");
    else if (look.stopped > 0)
        append(text, "the server is stopped (SIGSTOP)");
    else if (look.n == 0)
        return;
    if (look.n > 0)
        append(text, "%s", text[0] == '\0' ? "the server sleeps"
                                           : ", and sleeps");
    append_places(text, &look);
    if (port != 0 && find_tcp(0, (unsigned)port, &t) && t.queued > 0)
        append(text, "\n  %u %s in the backlog: no accept() for %s "
               "yet", t.queued, t.queued == 1
               ? "connection waits" : "connections wait",
               t.queued == 1 ? "it" : "them");
}

#else

void where_look(char *text, pid_t group, int port, const struct peers *peers)
{
    (void)group, (void)port, (void)peers;
    text[0] = '\0';
}

#endif
