/*
 * trace: watch a program's I/O calls from outside, by ptrace(2), and tell of
 * each what it did with its time: sleep, copy, or refuse.
 *
 * Whether a call slept is not guessed from how long it took. The kernel counts
 * how often a thread has given up the CPU by itself (voluntary_ctxt_switches
 * in /proc, proc(5)); what this has grown by during a call, less one for our
 * own stop, is how often the call slept.
 *
 * What is told of: calls on sockets, pipes, terminals and the kernel's other
 * streams; those that wait for them (select, poll, epoll, io_uring, futex,
 * wait, sigsuspend) or for time (nanosleep); signals that are delivered;
 * threads and processes that begin and end. Not: files on disk and memory. A
 * call has the name that a program calls it by: "recv" for the kernel's
 * recvfrom without an address, "select" for pselect6 without a mask.
 *
 * Linux 5.3 or later, x86-64 and aarch64. See ptrace(2), Kerrisk chapter 20
 * on signals, Stevens' UNP section 6.2 on the two phases of a read.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <sys/types.h>

enum { TEXT = 128 }; /* bytes of what was asked, and of what came */

enum what {
    CALL_SLEEPS, /* a call has been asleep for some time, and still is */
    CALL,        /* a call is over (or its thread has ended in it) */
    SIGNAL,      /* a signal is delivered; name: "SIGIO", asked: whence */
    BEGIN,       /* a thread or process begins; name says which */
    END,         /* a thread or process ends; asked: how */
    OVER,        /* all have ended; the last has not gone yet */
};

struct event {
    enum what what;
    pid_t pid, tid;      /* the process, and the thread in it */
    double start, end;   /* ms since the program was started */
    const char *name;    /* of the call: "recv"; lasts as long as we do */
    char asked[TEXT];    /* its arguments: "4", "3, 4 readable?" */
    char got[TEXT];      /* what it returned: "5 bytes", "EAGAIN" */
    int fd;              /* that it is about; -1: none, or several */
    bool on_socket;      /* fd is one */
    bool waits;          /* it is there to wait: select, nanosleep ... */
    bool is_log;         /* a write to standard output or standard error */
    bool slept;          /* the kernel says so */
    double asleep;       /* ms: how long the call took, if it slept */
    double ran;          /* ms of CPU that it took */
    bool failed;         /* it returned an error ... */
    bool refused;        /* ... which was EAGAIN: it would have had to wait */
    bool unfinished;     /* its thread has ended in it */
    long bytes;          /* copied from the kernel to the program or back; -1:
                            it does no such thing, or has failed */
};

/* Is told of each event, in the order in which they happen. The thread that an
   event is about does not go on before this returns. */
typedef void watcher(const struct event *event);

/* Watch process PID until it and all that it has started have ended. PID waits
   in trace_gate() for this. Returns 0, or -1 with errno set where ptrace is
   not to be had (EPERM: forbidden here; ENOSYS: not on this system): then
   nothing was watched, and PID has been told. */
int trace(pid_t pid, int gate, watcher *tell);

/* In the process to be watched, before it execs: wait until trace(), which
   holds the other end of the pipe GATE, is ready. Returns 0, or -1 with errno
   set as trace() does. From its exec on PID is watched. */
int trace_gate(int gate);

#endif
