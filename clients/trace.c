/*
 * trace: watch a program's I/O calls from outside, by ptrace(2).
 *
 * See trace.h for what it tells. A thread that is watched stops as it enters a
 * call, as it leaves it, when a signal comes for it, and when it begins,
 * starts another or ends. We look, tell, and let it go on. Look at judge() for
 * how sleeping is told from working.
 */
#define _GNU_SOURCE /* process_vm_readv */
#include "trace.h"

#ifdef __linux__
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_EVERY = 20, /* ms: at calls that may be asleep */
    NAMED_FDS = 8,   /* of a set are named, more are counted */
    SOME_FDS = 64,   /* of a pollfd array are looked at */
    RESTART = 512,   /* ERESTARTSYS to ERESTART_RESTARTBLOCK, errors of the */
    RESTART_LAST = 516, /* kernel's own: a signal has interrupted the call */
};

#ifdef __aarch64__
enum { NATIVE = (int)AUDIT_ARCH_AARCH64 };
#else
enum { NATIVE = (int)AUDIT_ARCH_X86_64 };
#endif

/* What the arguments of a call are, and so how they are told. */
enum form {
    NOTHING, FD, SOCKET, PAIR, ADDRESS, SELECT, PSELECT, POLL, PPOLL,
    EPOLL_CREATE, EPOLL_CTL, EPOLL_WAIT, EPOLL_WAIT2, NAP, CLOCK_NAP, FUTEX,
    CHILD, RING, ENTER,
};

/* What a call is for; STREAM: not told of, if its fd is a file on disk. */
enum { WAITS = 1, COPIES = 2, STREAM = 4 };

static const struct call {
    long number;
    const char *name;
    enum form form;
    int is;
} calls[] = {
    { SYS_socket, "socket", SOCKET, 0 },
    { SYS_socketpair, "socketpair", PAIR, 0 },
    { SYS_bind, "bind", ADDRESS, 0 },
    { SYS_listen, "listen", FD, 0 },
    { SYS_accept, "accept", FD, 0 },
    { SYS_accept4, "accept", FD, 0 },
    { SYS_connect, "connect", ADDRESS, 0 },
    { SYS_shutdown, "shutdown", FD, 0 },
    { SYS_recvfrom, "recv", FD, COPIES },
    { SYS_recvmsg, "recvmsg", FD, COPIES },
    { SYS_recvmmsg, "recvmmsg", FD, 0 }, /* returns messages, not bytes */
    { SYS_sendto, "send", FD, COPIES },
    { SYS_sendmsg, "sendmsg", FD, COPIES },
    { SYS_sendmmsg, "sendmmsg", FD, 0 },
    { SYS_read, "read", FD, COPIES | STREAM },
    { SYS_readv, "readv", FD, COPIES | STREAM },
    { SYS_pread64, "pread", FD, COPIES | STREAM },
    { SYS_write, "write", FD, COPIES | STREAM },
    { SYS_writev, "writev", FD, COPIES | STREAM },
    { SYS_pwrite64, "pwrite", FD, COPIES | STREAM },
    { SYS_sendfile, "sendfile", FD, COPIES },
    { SYS_splice, "splice", FD, COPIES },
    { SYS_flock, "flock", FD, WAITS },
    { SYS_close, "close", FD, STREAM },
    { SYS_pselect6, "pselect", PSELECT, WAITS },
    { SYS_ppoll, "ppoll", PPOLL, WAITS },
#ifdef SYS_select /* what newer machines do without */
    { SYS_select, "select", SELECT, WAITS },
    { SYS_poll, "poll", POLL, WAITS },
    { SYS_epoll_create, "epoll_create", EPOLL_CREATE, 0 },
    { SYS_epoll_wait, "epoll_wait", EPOLL_WAIT, WAITS },
    { SYS_pause, "pause", NOTHING, WAITS },
#endif
    { SYS_epoll_create1, "epoll_create", EPOLL_CREATE, 0 },
    { SYS_epoll_ctl, "epoll_ctl", EPOLL_CTL, 0 },
    { SYS_epoll_pwait, "epoll_pwait", EPOLL_WAIT, WAITS },
#ifdef SYS_epoll_pwait2
    { SYS_epoll_pwait2, "epoll_pwait2", EPOLL_WAIT2, WAITS },
#endif
    { SYS_nanosleep, "nanosleep", NAP, WAITS },
    { SYS_clock_nanosleep, "nanosleep", CLOCK_NAP, WAITS },
    { SYS_rt_sigsuspend, "sigsuspend", NOTHING, WAITS },
    { SYS_rt_sigtimedwait, "sigwait", NOTHING, WAITS },
    { SYS_futex, "futex", FUTEX, WAITS },
    { SYS_wait4, "wait", CHILD, WAITS },
    { SYS_waitid, "wait", NOTHING, WAITS },
#ifdef SYS_io_uring_setup
    { SYS_io_uring_setup, "io_uring_setup", RING, 0 },
    { SYS_io_uring_enter, "io_uring_enter", ENTER, WAITS },
#endif
};

struct thread {
    pid_t tid, pid;
    const struct call *call; /* it is in; NULL: none of those above */
    const struct call *last; /* that it was in */
    uint64_t arguments[6];
    long switches;           /* when it entered the call */
    double cpu;              /* ms, then */
    bool told;               /* that it is asleep in it */
    bool has_ended;          /* but we have not heard the last of it */
    struct event event;      /* the call so far */
};

static struct thread **threads; /* all that we have stopped and let go */
static size_t n_threads, n_living; /* those that have not ended */
static watcher *watching;
static double began;      /* ms: the exec; 0: still to come */
static pid_t lately_pid;  /* for watched(): the epoll that it has counted, */
static int lately_fd, lately_n = -1; /* -1: something has changed since */

/* ------------------------------------------------------- text and /proc */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6 - began;
}

/* Append to TEXT, which has room for TEXT bytes; what is too much is cut. */
static void __attribute__((format(printf, 2, 3)))
add(char *text, const char *format, ...)
{
    va_list list;
    size_t length = strlen(text);
    va_start(list, format);
    vsnprintf(text + length, TEXT - length, format, list);
    va_end(list);
}

/* The beginning of a file in /proc; "" if there is none. */
static const char *proc_text(pid_t tid, const char *name)
{
    static char text[4096];
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", tid, name);
    FILE *file = fopen(path, "r");
    if (file) {
        n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    text[n] = '\0';
    return text;
}

/* How often this thread has given up the CPU by itself. */
static long voluntary_switches(pid_t tid)
{
    const char *name = "\nvoluntary_ctxt_switches:";
    const char *found = strstr(proc_text(tid, "status"), name);
    return found ? atol(found + strlen(name)) : 0;
}

static double cpu_ms(pid_t tid)
{
    return atof(proc_text(tid, "schedstat")) / 1e6; /* the first number */
}

/* As ps shows it: R running, S or D asleep, Z dead; 0: there is no such. */
static char state_of(pid_t tid)
{
    const char *name = strrchr(proc_text(tid, "stat"), ')');
    return name ? name[2] : 0;
}

static bool is_asleep(pid_t tid)
{
    return state_of(tid) == 'S' || state_of(tid) == 'D';
}

static bool is_alive(pid_t tid)
{
    return state_of(tid) != 'Z' && state_of(tid) != 'X' && state_of(tid) != 0;
}

/* What an fd of the program is: S socket, F a file on disk, or another. (By
   the thread: of a process whose first thread has ended, /proc shows none.) */
static char kind_of(pid_t tid, int fd)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", tid, fd);
    if (stat(path, &status) < 0)
        return '?';
    return S_ISSOCK(status.st_mode) ? 'S'
         : S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? 'F' : 's';
}

/* Copy SIZE bytes, or as many as there are, from the program's memory. */
static bool peek(pid_t tid, uint64_t from, void *to, size_t size)
{
    struct iovec ours = { to, size };
    struct iovec theirs = { (void *)(uintptr_t)from, size };
    memset(to, 0, size);
    return from != 0 && process_vm_readv(tid, &ours, 1, &theirs, 1, 0) > 0;
}

/* ------------------------------------------- what a call was asked for */

/* How long it may take; less than 0: for ever, so there is nothing to say. */
static void add_span(char *text, double ms)
{
    if (ms >= 0)
        add(text, "%s%.4g %s", *text ? ", " : "", ms < 1000 ? ms : ms / 1e3,
            ms < 1000 ? "ms" : "s");
}

static void add_timespec(const struct thread *t, char *text, uint64_t at)
{
    struct timespec span;
    if (peek(t->tid, at, &span, sizeof span))
        add_span(text, (double)span.tv_sec * 1e3 + (double)span.tv_nsec / 1e6);
}

static void add_address(const struct thread *t, char *text, uint64_t at)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
    } address;
    if (!peek(t->tid, at, &address, sizeof address))
        return;
    if (address.any.sa_family == AF_INET)
        add(text, ", %s:%d", inet_ntoa(address.in.sin_addr),
            ntohs(address.in.sin_port));
    else if (address.any.sa_family == AF_UNIX)
        add(text, ", a path");
}

/* "3, 4, 5 readable" of the set of N fds at this address of the program. */
static void add_set(const struct thread *t, char *text, uint64_t at, int n,
                    const char *what)
{
    unsigned char set[FD_SETSIZE / 8];
    char names[TEXT] = "";
    int members = 0;
    if (!peek(t->tid, at, set, sizeof set))
        return;
    for (int fd = 0; fd < n && fd < FD_SETSIZE; fd++)
        if (set[fd / 8] & 1 << fd % 8 && ++members <= NAMED_FDS)
            add(names, "%s%d", members > 1 ? ", " : "", fd);
    if (members > NAMED_FDS)
        snprintf(names, sizeof names, "%d fds", members);
    if (members > 0)
        add(text, "%s%s %s", *text ? ", " : "", names, what);
}

static void add_sets(const struct thread *t, char *text, const char *mark)
{
    static const char *const names[] = { "readable", "writable", "urgent" };
    for (int i = 0; i < 3; i++) {
        char what[16];
        snprintf(what, sizeof what, "%s%s", names[i], mark);
        add_set(t, text, t->arguments[1 + i], (int)t->arguments[0], what);
    }
}

static void add_events(char *text, unsigned events)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        { EPOLLIN, "in" }, { EPOLLOUT, "out" }, { EPOLLPRI, "pri" },
        { EPOLLERR, "err" }, { EPOLLHUP, "hup" }, { EPOLLRDHUP, "rdhup" },
        { POLLNVAL, "nval" }, { EPOLLONESHOT, "oneshot" },
        { EPOLLEXCLUSIVE, "exclusive" }, { EPOLLET, "edge" },
    };
    const char *comma = " ";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (events & names[i].bit) {
            add(text, "%s%s", comma, names[i].name);
            comma = "|";
        }
}

/* The pollfds that are asked for, or (CAME) those that something came of. */
static void add_pollfds(const struct thread *t, char *text, bool came)
{
    struct pollfd fds[SOME_FDS];
    size_t n = t->arguments[1] < SOME_FDS ? t->arguments[1] : SOME_FDS;
    int members = 0;
    if (!peek(t->tid, t->arguments[0], fds, n * sizeof *fds))
        return;
    for (size_t i = 0; i < n; i++)
        if (came ? fds[i].revents : fds[i].fd >= 0 && n <= NAMED_FDS) {
            if (++members > NAMED_FDS)
                break;
            add(text, "%s%d", members > 1 ? ", " : "", fds[i].fd);
            add_events(text, (unsigned)(came ? fds[i].revents
                                             : fds[i].events));
        }
    if (!came && n > NAMED_FDS)
        add(text, "%ld fds", (long)t->arguments[1]);
}

/* How many fds an epoll watches: its fdinfo has a line for each. */
static int watched(const struct thread *t, int fd)
{
    char path[64], line[256];
    if (lately_n >= 0 && lately_pid == t->pid && lately_fd == fd)
        return lately_n;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", t->tid, fd);
    FILE *file = fopen(path, "r");
    lately_pid = t->pid;
    lately_fd = fd;
    lately_n = 0;
    while (file && fgets(line, sizeof line, file))
        lately_n += strncmp(line, "tfd:", 4) == 0;
    if (file)
        fclose(file);
    return lately_n;
}

static void add_epoll_ctl(const struct thread *t, char *text)
{
    static const char *const names[] = { "?", "add", "del", "mod" };
    const uint64_t *a = t->arguments;
    struct epoll_event event;
    add(text, "%d, %s %d", (int)a[0], names[a[1] & 3], (int)a[2]);
    if (a[1] != EPOLL_CTL_DEL && peek(t->tid, a[3], &event, sizeof event))
        add_events(text, event.events);
}

static bool futex_waits(const struct thread *t)
{
    int operation = (int)t->arguments[1] & FUTEX_CMD_MASK;
    return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET ||
           operation == FUTEX_LOCK_PI || operation == FUTEX_WAIT_REQUEUE_PI;
}

/* The arguments, in the words of the lessons. */
static void tell_question(const struct thread *t, char *text)
{
    const uint64_t *a = t->arguments;
    struct timeval span;
    switch (t->call->form) {
    case NOTHING: case PAIR: case EPOLL_CREATE:
        break;
    case FD:
        add(text, "%d", (int)a[0]);
        break;
    case SOCKET:
        add(text, "%s", a[0] == AF_UNIX ? "local"
                      : (a[1] & 15) == SOCK_DGRAM ? "UDP" : "TCP");
        break;
    case ADDRESS:
        add(text, "%d", (int)a[0]);
        add_address(t, text, a[1]);
        break;
    case SELECT:
        add_sets(t, text, "?");
        if (peek(t->tid, a[4], &span, sizeof span))
            add_span(text, (double)span.tv_sec * 1e3 +
                           (double)span.tv_usec / 1e3);
        break;
    case PSELECT:
        add_sets(t, text, "?");
        add_timespec(t, text, a[4]);
        break;
    case POLL:
        add_pollfds(t, text, false);
        add_span(text, (int)a[2]);
        break;
    case PPOLL:
        add_pollfds(t, text, false);
        add_timespec(t, text, a[2]);
        break;
    case EPOLL_CTL:
        add_epoll_ctl(t, text);
        break;
    case EPOLL_WAIT:
        add(text, "%d watched", watched(t, (int)a[0]));
        add_span(text, (int)a[3]);
        break;
    case EPOLL_WAIT2:
        add(text, "%d watched", watched(t, (int)a[0]));
        add_timespec(t, text, a[3]);
        break;
    case NAP:
        add_timespec(t, text, a[0]);
        break;
    case CLOCK_NAP:
        if (a[1] == 0) /* else until then, on a clock of its own */
            add_timespec(t, text, a[2]);
        break;
    case FUTEX:
        add(text, futex_waits(t) ? "wait" : "wake");
        break;
    case CHILD:
        if ((int)a[0] > 0)
            add(text, "%d", (int)a[0]);
        break;
    case RING:
        add(text, "%d entries", (int)a[0]);
        break;
    case ENTER:
        add(text, "submit %d, wait for %d", (int)a[1], (int)a[2]);
        break;
    }
}

/* The name by which a program calls it. */
static const char *name_of(const struct thread *t)
{
    const uint64_t *a = t->arguments;
    uint64_t mask;
    switch (t->call->number) {
    case SYS_recvfrom:
        return a[4] == 0 ? "recv" : "recvfrom";
    case SYS_sendto:
        return a[4] == 0 ? "send" : "sendto";
    case SYS_pselect6:
        return peek(t->tid, a[5], &mask, sizeof mask) && mask != 0
            ? "pselect" : "select";
    case SYS_ppoll:
        return a[3] == 0 ? "poll" : "ppoll";
    case SYS_epoll_pwait:
        return a[4] == 0 ? "epoll_wait" : "epoll_pwait";
    default:
        return t->call->name;
    }
}

static bool is_about_fd(enum form form)
{
    return form == FD || form == ADDRESS || form == EPOLL_CTL ||
           form == EPOLL_WAIT || form == EPOLL_WAIT2 || form == ENTER;
}

static void enter_call(struct thread *t)
{
    int fd = is_about_fd(t->call->form) ? (int)t->arguments[0] : -1;
    struct event *e = &t->event;
    *e = (struct event){
        .what = CALL, .pid = t->pid, .tid = t->tid, .name = name_of(t),
        .fd = fd, .on_socket = fd >= 0 && kind_of(t->tid, fd) == 'S',
        .waits = t->call->form == FUTEX ? futex_waits(t)
                                        : t->call->is & WAITS,
        .is_log = (fd == 1 || fd == 2) && (t->call->number == SYS_write ||
                                           t->call->number == SYS_writev),
        .bytes = -1,
    };
    tell_question(t, e->asked);
    t->told = false;
    t->switches = voluntary_switches(t->tid);
    t->cpu = cpu_ms(t->tid);
    e->start = now();
}

/* ------------------------------------------------ what came of a call */

static void tell_answer(const struct thread *t, char *text, long result)
{
    int ends[2];
    switch (t->call->form) {
    case SELECT: case PSELECT:
        add_sets(t, text, "");
        break;
    case POLL: case PPOLL:
        if (result > NAMED_FDS || t->arguments[1] > SOME_FDS)
            add(text, "%ld fds", result);
        else
            add_pollfds(t, text, true);
        break;
    case EPOLL_WAIT: case EPOLL_WAIT2:
        add(text, "%ld ready", result);
        return;
    case PAIR:
        if (peek(t->tid, t->arguments[3], ends, sizeof ends))
            add(text, "%d, %d", ends[0], ends[1]);
        return;
    case ENTER:
        add(text, "%ld submitted", result);
        return;
    case SOCKET: case EPOLL_CREATE: case RING: case CHILD:
        add(text, "%ld", result);
        return;
    default:
        if (t->call->is & COPIES)
            add(text, result == 0 ? "nothing: the end" : result == 1
                ? "1 byte" : "%ld bytes", result);
        else if (strcmp(t->event.name, "accept") == 0)
            add(text, "%ld", result);
        return;
    }
    if (result == 0)
        add(text, "nobody");
}

/* A system call's error by its name, where it is one of those that the lessons
   meet; strerrorname_np() is glibc's alone. */
static const char *errno_name(int error)
{
#define NAME(error) { error, #error }
    static const struct {
        int error;
        const char *name;
    } names[] = {
        NAME(EAGAIN), NAME(EINTR), NAME(ECONNRESET), NAME(EPIPE),
        NAME(EINPROGRESS), NAME(ECONNREFUSED), NAME(ECONNABORTED),
        NAME(EMFILE), NAME(ENFILE), NAME(ENOTCONN), NAME(EBADF), NAME(EINVAL),
        NAME(ENOENT), NAME(EEXIST), NAME(EPERM), NAME(EADDRINUSE),
        NAME(ESPIPE), NAME(ENOTSOCK), NAME(ETIMEDOUT), NAME(ENOSYS),
        NAME(ECHILD), NAME(EFAULT), NAME(EACCES), NAME(EISCONN), NAME(EIO),
        NAME(EALREADY), NAME(EOPNOTSUPP), NAME(ENOBUFS), NAME(ENOMEM),
        NAME(ETIME), NAME(EBUSY),
    };
#undef NAME
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].error == error)
            return names[i].name;
    return strerror(error);
}

/* What has it done with its time? Each voluntary switch was a sleep, but for
   the one into our own stop at its end. */
static void judge(struct thread *t)
{
    struct event *e = &t->event;
    e->end = now();
    e->slept = voluntary_switches(t->tid) - t->switches > 1;
    e->ran = cpu_ms(t->tid) - t->cpu;
    e->asleep = e->slept ? e->end - e->start - e->ran : 0;
    e->asleep = e->asleep < 0 ? 0 : e->asleep;
}

static void leave_call(struct thread *t, long result, bool failed)
{
    struct event *e = &t->event;
    judge(t);
    e->failed = failed;
    if (!failed) {
        tell_answer(t, e->got, result);
        e->bytes = t->call->is & COPIES ? result : -1;
        if (t->call->form == EPOLL_CTL || t->call->number == SYS_close)
            lately_n = -1;
    } else if (-result >= RESTART && -result <= RESTART_LAST) {
        add(e->got, "interrupted");
    } else {
        e->refused = -result == EAGAIN && !e->waits && !e->slept;
        add(e->got, "%s", errno_name((int)-result));
    }
    watching(e);
    t->call = NULL;
}

/* ------------------------------------------------------------- threads */

static struct thread *find(pid_t tid)
{
    for (size_t i = 0; i < n_threads; i++)
        if (threads[i]->tid == tid)
            return threads[i];
    return NULL;
}

/* The process that a thread belongs to. */
static pid_t group_of(pid_t tid)
{
    const char *found = strstr(proc_text(tid, "status"), "\nTgid:");
    return found ? atoi(found + strlen("\nTgid:")) : tid;
}

static void tell_of(const struct thread *t, enum what what, const char *name,
                    const char *asked)
{
    struct event e = { .what = what, .fd = -1, .start = now(), .end = now(),
                       .name = name, .bytes = -1 };
    e.pid = t ? t->pid : 0;
    e.tid = t ? t->tid : 0;
    add(e.asked, "%s", asked);
    if (began > 0)
        watching(&e);
}

static const char *kind(const struct thread *t)
{
    return t->tid == t->pid ? "process" : "thread";
}

static struct thread *add_thread(pid_t tid)
{
    struct thread *t = calloc(1, sizeof *t);
    struct thread **more = realloc(threads, (n_threads + 1) * sizeof *more);
    if (!t || !more)
        err(1, "malloc"); /* what we watch goes on, unwatched */
    *t = (struct thread){ .tid = tid, .pid = group_of(tid) };
    threads = more;
    threads[n_threads++] = t;
    n_living++;
    tell_of(t, BEGIN, kind(t), "");
    return t;
}

/* The thread ends, and so does the call that it is in. When it was the last of
   all, that is told too. */
static void end_thread(struct thread *t, const char *how)
{
    if (t->call) {
        judge(t);
        t->event.unfinished = true;
        watching(&t->event);
        t->call = NULL;
    }
    tell_of(t, END, kind(t), how);
    t->has_ended = true;
    if (--n_living == 0)
        tell_of(NULL, OVER, "all", "");
}

/* It has gone. (Kept until now, since the news of its birth may come late.) */
static void forget(struct thread *t)
{
    if (!t->has_ended)
        end_thread(t, "killed");
    for (size_t i = 0; i < n_threads; i++)
        if (threads[i] == t)
            threads[i] = threads[--n_threads];
    free(t);
}

/* Tell of those that are asleep in a call; are there any left that may yet
   fall asleep? (A thread that does so makes no stop: we have to look.) */
static bool tell_of_sleepers(void)
{
    bool left = false;
    for (size_t i = 0; i < n_threads; i++) {
        struct thread *t = threads[i];
        if (!t->call || t->told)
            continue;
        t->told = now() - t->event.start >= LOOK_EVERY && is_asleep(t->tid);
        left = left || !t->told;
        if (t->told) {
            struct event e = t->event;
            e.what = CALL_SLEEPS;
            e.slept = true;
            e.end = now();
            e.asleep = e.end - e.start;
            watching(&e);
        }
    }
    return left;
}

static void look_every(int ms)
{
    static int now_every;
    struct timeval span = { .tv_usec = ms * 1000 };
    if (ms != now_every)
        setitimer(ITIMER_REAL, &(struct itimerval){ span, span }, NULL);
    now_every = ms;
}

/* ----------------------------------------------------------- the stops */

static const struct call *call_numbered(uint64_t number)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if ((uint64_t)calls[i].number == number)
            return &calls[i];
    return NULL;
}

static void at_call(struct thread *t)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof info, &info) < 0)
        return; /* killed meanwhile */
    if ((int)info.arch != NATIVE) { /* the numbers are another machine's */
        t->call = t->last = NULL;
        return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->call) {
        leave_call(t, (long)info.exit.rval, info.exit.is_error);
    } else if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        if (info.entry.nr == SYS_restart_syscall) { /* what it was in before */
            t->call = t->last;
        } else {
            t->call = call_numbered(info.entry.nr);
            for (int i = 0; i < 6; i++)
                t->arguments[i] = info.entry.args[i];
        }
        if (t->call && t->call->is & STREAM &&
            kind_of(t->tid, (int)t->arguments[0]) == 'F')
            t->call = NULL;
        t->last = t->call;
        if (t->call)
            enter_call(t);
    }
}

static const char *signal_name(int number)
{
    static const char *const names[] = {
        "signal 0", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP",
        "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
        "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD",
        "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG",
        "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",
        "SIGPWR", "SIGSYS",
    };
    return number >= 0 && number < 32 ? names[number] : "a real-time signal";
}

static void at_signal(const struct thread *t, int number)
{
    siginfo_t info;
    char whence[TEXT] = "";
    if (ptrace(PTRACE_GETSIGINFO, t->tid, 0, &info) < 0)
        return;
    if (number >= 32)
        add(whence, "SIGRTMIN+%d", number - SIGRTMIN);
    else if (info.si_code <= 0 && info.si_pid > 0)
        add(whence, "from %d", info.si_pid);
    tell_of(t, SIGNAL, signal_name(number), whence);
}

/* It has exec'd: from the first time on, we tell. Of several threads the one
   that did is left, and has the process's number from now on. */
static void at_exec(pid_t pid)
{
    unsigned long former = 0;
    ptrace(PTRACE_GETEVENTMSG, pid, 0, &former);
    struct thread *t = find((pid_t)former);
    if (began == 0)
        began = now();
    if (t && t->tid != pid) {
        if (find(pid))
            forget(find(pid));
        tell_of(t, END, "thread", "exec");
        t->tid = pid;
    }
    if (t)
        tell_of(t, BEGIN, "program", "");
}

static void at_exit(struct thread *t)
{
    unsigned long message = 0;
    char how[TEXT] = "";
    ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &message);
    int status = (int)message;
    if (WIFSIGNALED(status))
        add(how, "by %s", signal_name(WTERMSIG(status)));
    else
        add(how, "exit %d", WEXITSTATUS(status));
    end_thread(t, how);
}

/* Thread TID has stopped. */
static void at_stop(pid_t tid, int status)
{
    struct thread *t = find(tid);
    int number = WSTOPSIG(status), event = status >> 16;
    unsigned long born = 0;
    bool listens = false;
    if (!t && event != PTRACE_EVENT_EXEC)
        t = add_thread(tid); /* before the news that it has been born */
    switch (event) {
    case 0:
        if (number == (SIGTRAP | 0x80))
            at_call(t);
        else
            at_signal(t, number);
        break;
    case PTRACE_EVENT_CLONE: case PTRACE_EVENT_FORK: case PTRACE_EVENT_VFORK:
        ptrace(PTRACE_GETEVENTMSG, tid, 0, &born);
        if (!find((pid_t)born) && is_alive((pid_t)born))
            add_thread((pid_t)born);
        break;
    case PTRACE_EVENT_EXEC:
        at_exec(tid);
        break;
    case PTRACE_EVENT_EXIT:
        at_exit(t);
        break;
    case PTRACE_EVENT_STOP: /* new, or stopped by a signal as others are */
        listens = number != SIGTRAP;
        break;
    }
    bool is_signal = event == 0 && number != (SIGTRAP | 0x80);
    ptrace(listens ? PTRACE_LISTEN : began == 0 ? PTRACE_CONT : PTRACE_SYSCALL,
           tid, 0, is_signal ? number : 0);
}

static void wake(int number)
{
    (void)number; /* so that waitpid() returns, and we look for sleepers */
}

/* waitpid(), and nothing else, may be interrupted to look for sleepers: a
   line that is being written to a full pipe would be lost. */
static pid_t next_stop(int *status)
{
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm, NULL);
    pid_t tid = waitpid(-1, status, __WALL);
    int error = errno;
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    errno = error;
    return tid;
}

int trace(pid_t pid, int gate, watcher *tell)
{
    int status, error = 0;
    char self[16] = "";
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
    if (!strstr(proc_text(pid, "status"), "\nvoluntary_ctxt_switches:") ||
        readlink("/proc/self", self, sizeof self - 1) < 0 ||
        atoi(self) != getpid())
        error = ENOENT; /* no /proc, or that of another pid namespace */
    else if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
        error = errno;
    watching = tell;
    began = 0; /* anew, for the next one that we watch */
    lately_n = -1;
    if (error == 0)
        add_thread(pid);
    sigaction(SIGALRM, &(struct sigaction){ .sa_handler = wake }, NULL);
    if (write(gate, &error, sizeof error) != sizeof error)
        return -1;
    close(gate);
    if (error != 0) {
        errno = error;
        return -1;
    }
    for (;;) {
        pid_t tid = next_stop(&status);
        if (tid < 0 && errno != EINTR)
            break; /* nobody is left */
        if (tid > 0 && WIFSTOPPED(status))
            at_stop(tid, status);
        else if (tid > 0 && find(tid))
            forget(find(tid));
        look_every(tell_of_sleepers() ? LOOK_EVERY : 0);
    }
    look_every(0);
    while (n_threads > 0) /* killed before we heard of their birth */
        forget(threads[0]);
    return 0;
}

int trace_gate(int gate)
{
    int error = EPERM; /* where the other end is closed without a word */
    if (read(gate, &error, sizeof error) < 0)
        error = errno;
    close(gate);
    errno = error;
    return error == 0 ? 0 : -1;
}

#else
#include <errno.h>
#include <unistd.h>

int trace(pid_t pid, int gate, watcher *tell)
{
    (void)pid;
    (void)tell;
    close(gate);
    errno = ENOSYS;
    return -1;
}

int trace_gate(int gate)
{
    close(gate);
    errno = ENOSYS;
    return -1;
}
#endif
