/*
 * calls: system calls as text: name, arguments, result. See calls.h.
 *
 * Look at the table, types[]: a row for each call, with one function that
 * formats its arguments and one that formats its result.
 */
#include "calls.h"

#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)
#include "tracee.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum {
    NAMED_FDS = 8, /* more fds than these are counted, not named */
    SOME_FDS = 64, /* we look at no more entries of a pollfd array */
    NAMES = 64,    /* bytes: room for NAMED_FDS fds */
};

/* A text that grows at its end. It has room for SIZE bytes, the '\0' among
   them; what is longer is cut off. */
struct text {
    char *bytes;
    size_t size, length;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *to, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(to->bytes + to->length, to->size - to->length, format,
                      list);
    va_end(list);
    to->length += (size_t)n;
    if (to->length >= to->size)
        to->length = to->size - 1;
}

/* ", " between two parts of a text. */
static const char *comma(const struct text *to)
{
    return to->length > 0 ? ", " : "";
}

/* --------------------------------------------- parts of the arguments */

/* "5 ms", "1.5 s"; a time below 0 is no limit, so there is nothing to add. */
static void add_ms(struct text *to, double ms)
{
    if (ms >= 1000)
        add(to, "%s%.4g s", comma(to), ms / 1e3);
    else if (ms >= 0)
        add(to, "%s%.4g ms", comma(to), ms);
}

static void add_timespec(struct text *to, const struct call *c, uint64_t at)
{
    struct timespec t;
    if (read_memory(c->tid, at, &t, sizeof t))
        add_ms(to, (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6);
}

#ifdef SYS_select
static void add_timeval(struct text *to, const struct call *c, uint64_t at)
{
    struct timeval t;
    if (read_memory(c->tid, at, &t, sizeof t))
        add_ms(to, (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3);
}
#endif

/* "3, 4, 5 readable": the fds below N in the fd_set at this address. */
static void add_set(struct text *to, const struct call *c, uint64_t at, int n,
                    const char *what)
{
    unsigned char set[FD_SETSIZE / 8];
    char bytes[NAMES] = "";
    struct text names = { .bytes = bytes, .size = sizeof bytes };
    int members = 0;
    if (!read_memory(c->tid, at, set, sizeof set))
        return;
    for (int fd = 0; fd < n && fd < FD_SETSIZE; fd++)
        if (set[fd / 8] & 1 << fd % 8 && ++members <= NAMED_FDS)
            add(&names, "%s%d", comma(&names), fd);
    if (members > NAMED_FDS)
        add(to, "%s%d fds %s", comma(to), members, what);
    else if (members > 0)
        add(to, "%s%s %s", comma(to), bytes, what);
}

/* The three sets of select(): "3, 4 readable, 5 writable". */
static void add_sets(struct text *to, const struct call *c, const char *mark)
{
    static const char *const names[] = { "readable", "writable", "urgent" };
    for (int i = 0; i < 3; i++) {
        char what[16];
        snprintf(what, sizeof what, "%s%s", names[i], mark);
        add_set(to, c, c->arguments[1 + i], (int)c->arguments[0], what);
    }
}

/* " in|out", of poll() and epoll. */
static void add_events(struct text *to, unsigned events)
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
    const char *before = " ";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (events & names[i].bit) {
            add(to, "%s%s", before, names[i].name);
            before = "|";
        }
}

/* Copy the beginning of poll()'s array; return how many entries that is. */
static size_t read_pollfds(const struct call *c, struct pollfd *fds)
{
    size_t n = c->arguments[1] < SOME_FDS ? c->arguments[1] : SOME_FDS;
    return read_memory(c->tid, c->arguments[0], fds, n * sizeof *fds) ? n : 0;
}

/* "3 in, 4 in|out": what poll() is asked. */
static void add_pollfds(struct text *to, const struct call *c)
{
    struct pollfd fds[SOME_FDS];
    size_t n = read_pollfds(c, fds);
    if (n > NAMED_FDS)
        add(to, "%ld fds", (long)c->arguments[1]);
    for (size_t i = 0; i < n && n <= NAMED_FDS; i++)
        if (fds[i].fd >= 0) {
            add(to, "%s%d", comma(to), fds[i].fd);
            add_events(to, (unsigned)fds[i].events);
        }
}

static void add_registered(struct text *to, const struct call *c)
{
    add(to, "%d watched", epoll_size(c->pid, c->tid, (int)c->arguments[0]));
}

/* ----------------------------------------------------- the arguments */

static void args_fd(struct text *to, const struct call *c)
{
    add(to, "%d", (int)c->arguments[0]);
}

static void args_socket(struct text *to, const struct call *c)
{
    const uint64_t *a = c->arguments;
    add(to, "%s", a[0] == AF_UNIX ? "local"
                : (a[1] & 15) == SOCK_DGRAM ? "UDP" : "TCP");
}

static void args_address(struct text *to, const struct call *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
    } address;
    add(to, "%d", (int)c->arguments[0]);
    if (!read_memory(c->tid, c->arguments[1], &address, sizeof address))
        return;
    if (address.any.sa_family == AF_INET)
        add(to, ", %s:%d", inet_ntoa(address.in.sin_addr),
            ntohs(address.in.sin_port));
    else if (address.any.sa_family == AF_UNIX)
        add(to, ", a path");
}

#ifdef SYS_select
static void args_select(struct text *to, const struct call *c)
{
    add_sets(to, c, "?");
    add_timeval(to, c, c->arguments[4]);
}

static void args_poll(struct text *to, const struct call *c)
{
    add_pollfds(to, c);
    add_ms(to, (int)c->arguments[2]);
}
#endif

static void args_pselect(struct text *to, const struct call *c)
{
    add_sets(to, c, "?");
    add_timespec(to, c, c->arguments[4]);
}

static void args_ppoll(struct text *to, const struct call *c)
{
    add_pollfds(to, c);
    add_timespec(to, c, c->arguments[2]);
}

static void args_epoll_ctl(struct text *to, const struct call *c)
{
    static const char *const names[] = { "?", "add", "del", "mod" };
    const uint64_t *a = c->arguments;
    struct epoll_event event;
    add(to, "%d, %s %d", (int)a[0], names[a[1] & 3], (int)a[2]);
    if (a[1] != EPOLL_CTL_DEL &&
        read_memory(c->tid, a[3], &event, sizeof event))
        add_events(to, event.events);
}

static void args_epoll_wait(struct text *to, const struct call *c)
{
    add_registered(to, c);
    add_ms(to, (int)c->arguments[3]);
}

#ifdef SYS_epoll_pwait2
static void args_epoll_pwait2(struct text *to, const struct call *c)
{
    add_registered(to, c);
    add_timespec(to, c, c->arguments[3]);
}
#endif

static void args_nanosleep(struct text *to, const struct call *c)
{
    add_timespec(to, c, c->arguments[0]);
}

/* With TIMER_ABSTIME the argument is a point in time, so there is no text. */
static void args_clock_nanosleep(struct text *to, const struct call *c)
{
    if (c->arguments[1] == 0)
        add_timespec(to, c, c->arguments[2]);
}

/* The operations that wait: see futex(2). musl has no <linux/futex.h>. */
enum {
    FUTEX_WAIT = 0,
    FUTEX_LOCK_PI = 6,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAIT_REQUEUE_PI = 11,
    FUTEX_CMD_MASK = 127,
};

static bool futex_waits(const struct call *c)
{
    int operation = (int)c->arguments[1] & FUTEX_CMD_MASK;
    return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET ||
           operation == FUTEX_LOCK_PI || operation == FUTEX_WAIT_REQUEUE_PI;
}

static void args_futex(struct text *to, const struct call *c)
{
    add(to, futex_waits(c) ? "wait" : "wake");
}

static void args_wait(struct text *to, const struct call *c)
{
    if ((int)c->arguments[0] > 0)
        add(to, "%d", (int)c->arguments[0]);
}

#ifdef SYS_io_uring_setup
static void args_io_uring_setup(struct text *to, const struct call *c)
{
    add(to, "%d entries", (int)c->arguments[0]);
}

static void args_io_uring_enter(struct text *to, const struct call *c)
{
    add(to, "submit %d, wait for %d", (int)c->arguments[1],
        (int)c->arguments[2]);
}
#endif

/* -------------------------------------------------------- the results */

static void result_number(struct text *to, const struct call *c)
{
    add(to, "%ld", c->result);
}

static void result_bytes(struct text *to, const struct call *c)
{
    if (c->result == 0)
        add(to, "nothing: the end");
    else
        add(to, c->result == 1 ? "%ld byte" : "%ld bytes", c->result);
}

static void result_pair(struct text *to, const struct call *c)
{
    int ends[2];
    if (read_memory(c->tid, c->arguments[3], ends, sizeof ends))
        add(to, "%d, %d", ends[0], ends[1]);
}

static void result_select(struct text *to, const struct call *c)
{
    add_sets(to, c, "");
    if (c->result == 0)
        add(to, "0 ready");
}

/* "3 in, 4 out": the entries of poll()'s array that have a result. */
static void result_poll(struct text *to, const struct call *c)
{
    struct pollfd fds[SOME_FDS];
    size_t n = read_pollfds(c, fds);
    if (c->result == 0)
        add(to, "0 ready");
    else if (c->result > NAMED_FDS || c->arguments[1] > SOME_FDS)
        add(to, "%ld fds", c->result);
    else
        for (size_t i = 0; i < n; i++)
            if (fds[i].revents) {
                add(to, "%s%d", comma(to), fds[i].fd);
                add_events(to, (unsigned)fds[i].revents);
            }
}

static void result_ready(struct text *to, const struct call *c)
{
    add(to, "%ld ready", c->result);
}

#ifdef SYS_io_uring_setup
static void result_submitted(struct text *to, const struct call *c)
{
    add(to, "%ld submitted", c->result);
}
#endif

/* ---------------------------------------------------------- the table */

enum { /* flags */
    FD = 1,        /* its first argument is the fd that it is about */
    WAITS = 2,     /* its task is to wait */
    COPIES = 4,    /* its result is the number of bytes that it copied */
    NOT_DISK = 8,  /* left out where the fd is a file on disk */
    LOG = 16,      /* to fd 1 or fd 2 it writes the log */
    EPOLL = 32,    /* it may change how many fds an epoll instance has */
    STREAM = FD | COPIES | NOT_DISK,
};

struct call_type {
    long number;
    const char *name;
    void (*arguments)(struct text *to, const struct call *c); /* NULL: */
    void (*result)(struct text *to, const struct call *c);    /* no text */
    int flags;
};

static const struct call_type types[] = {
    { SYS_socket, "socket", args_socket, result_number, 0 },
    { SYS_socketpair, "socketpair", NULL, result_pair, 0 },
    { SYS_bind, "bind", args_address, NULL, FD },
    { SYS_listen, "listen", args_fd, NULL, FD },
    { SYS_accept, "accept", args_fd, result_number, FD },
    { SYS_accept4, "accept", args_fd, result_number, FD },
    { SYS_connect, "connect", args_address, NULL, FD },
    { SYS_shutdown, "shutdown", args_fd, NULL, FD },
    { SYS_recvfrom, "recv", args_fd, result_bytes, FD | COPIES },
    { SYS_recvmsg, "recvmsg", args_fd, result_bytes, FD | COPIES },
    { SYS_recvmmsg, "recvmmsg", args_fd, NULL, FD }, /* counts messages */
    { SYS_sendto, "send", args_fd, result_bytes, FD | COPIES },
    { SYS_sendmsg, "sendmsg", args_fd, result_bytes, FD | COPIES },
    { SYS_sendmmsg, "sendmmsg", args_fd, NULL, FD },
    { SYS_read, "read", args_fd, result_bytes, STREAM },
    { SYS_readv, "readv", args_fd, result_bytes, STREAM },
    { SYS_pread64, "pread", args_fd, result_bytes, STREAM },
    { SYS_write, "write", args_fd, result_bytes, STREAM | LOG },
    { SYS_writev, "writev", args_fd, result_bytes, STREAM | LOG },
    { SYS_pwrite64, "pwrite", args_fd, result_bytes, STREAM },
    { SYS_sendfile, "sendfile", args_fd, result_bytes, FD | COPIES },
    { SYS_splice, "splice", args_fd, result_bytes, FD | COPIES },
    { SYS_flock, "flock", args_fd, NULL, FD | WAITS },
    { SYS_close, "close", args_fd, NULL, FD | NOT_DISK | EPOLL },
    { SYS_pselect6, "select", args_pselect, result_select, WAITS },
    { SYS_ppoll, "poll", args_ppoll, result_poll, WAITS },
#ifdef SYS_select /* newer machines, like aarch64, lack these five */
    { SYS_select, "select", args_select, result_select, WAITS },
    { SYS_poll, "poll", args_poll, result_poll, WAITS },
    { SYS_epoll_create, "epoll_create", NULL, result_number, 0 },
    { SYS_epoll_wait, "epoll_wait", args_epoll_wait, result_ready,
      FD | WAITS },
    { SYS_pause, "pause", NULL, NULL, WAITS },
#endif
    { SYS_epoll_create1, "epoll_create", NULL, result_number, 0 },
    { SYS_epoll_ctl, "epoll_ctl", args_epoll_ctl, NULL, FD | EPOLL },
    { SYS_epoll_pwait, "epoll_wait", args_epoll_wait, result_ready,
      FD | WAITS },
#ifdef SYS_epoll_pwait2
    { SYS_epoll_pwait2, "epoll_pwait2", args_epoll_pwait2, result_ready,
      FD | WAITS },
#endif
    { SYS_nanosleep, "nanosleep", args_nanosleep, NULL, WAITS },
    { SYS_clock_nanosleep, "nanosleep", args_clock_nanosleep, NULL, WAITS },
    { SYS_rt_sigsuspend, "sigsuspend", NULL, NULL, WAITS },
    { SYS_rt_sigtimedwait, "sigwait", NULL, NULL, WAITS },
    { SYS_futex, "futex", args_futex, NULL, WAITS }, /* see call_waits() */
    { SYS_wait4, "wait", args_wait, result_number, WAITS },
    { SYS_waitid, "wait", NULL, NULL, WAITS },
#ifdef SYS_io_uring_setup
    { SYS_io_uring_setup, "io_uring_setup", args_io_uring_setup,
      result_number, 0 },
    { SYS_io_uring_enter, "io_uring_enter", args_io_uring_enter,
      result_submitted, FD | WAITS },
#endif
};

/* Two C functions use each of these system calls. It is the one named here
   where argument EXTRA is not 0: the address or the signal mask. */
static const struct {
    long number;
    int extra;
    const char *name;
} full_names[] = {
    { SYS_recvfrom, 4, "recvfrom" }, { SYS_sendto, 4, "sendto" },
    { SYS_pselect6, 5, "pselect" }, { SYS_ppoll, 3, "ppoll" },
    { SYS_epoll_pwait, 4, "epoll_pwait" },
};

/* ------------------------------------------------------ the interface */

const struct call_type *find_call_type(uint64_t number)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((uint64_t)types[i].number == number)
            return &types[i];
    return NULL;
}

const char *call_name(const struct call *c)
{
    for (size_t i = 0; i < sizeof full_names / sizeof *full_names; i++) {
        if (full_names[i].number != c->type->number)
            continue;
        uint64_t extra = c->arguments[full_names[i].extra];
        if (c->type->number == SYS_pselect6) /* it points to the mask's */
            read_memory(c->tid, extra, &extra, sizeof extra);  /* address */
        if (extra != 0)
            return full_names[i].name;
    }
    return c->type->name;
}

int call_fd(const struct call *c)
{
    return c->type->flags & FD ? (int)c->arguments[0] : -1;
}

bool call_waits(const struct call *c)
{
    return c->type->number == SYS_futex ? futex_waits(c)
                                        : c->type->flags & WAITS;
}

bool call_copies(const struct call *c)
{
    return c->type->flags & COPIES;
}

bool call_is_on_disk(const struct call *c)
{
    return c->type->flags & NOT_DISK &&
           fd_kind(c->tid, (int)c->arguments[0]) == FD_DISK;
}

bool call_is_log(const struct call *c)
{
    int fd = (int)c->arguments[0];
    return c->type->flags & LOG && (fd == 1 || fd == 2);
}

bool call_changes_epoll(const struct call *c)
{
    return c->type->flags & EPOLL;
}

void print_arguments(const struct call *c, char *text, size_t size)
{
    struct text to = { .bytes = text, .size = size };
    text[0] = '\0';
    if (c->type->arguments)
        c->type->arguments(&to, c);
}

void print_result(const struct call *c, char *text, size_t size)
{
    struct text to = { .bytes = text, .size = size };
    text[0] = '\0';
    if (c->type->result)
        c->type->result(&to, c);
}
#endif
