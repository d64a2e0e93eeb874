/*
 * trace: report the I/O calls of a program as events, by ptrace(2): what did
 * each call do with its time: sleep, copy data, or refuse?
 *
 * The kernel says whether a call slept; trace() does not guess it from the
 * time that the call took. The kernel counts how often a thread gives up the
 * CPU by itself (voluntary_ctxt_switches in proc(5)). The count grows during a
 * call that sleeps, and by one more when ptrace stops the thread at its end.
 *
 * trace() reports: calls on sockets, pipes, terminals and other streams of the
 * kernel; calls that wait for them (select, poll, epoll, io_uring, futex,
 * wait, sigsuspend) or for time (nanosleep); signals that the kernel delivers;
 * threads and processes that begin and end. It does not report calls on files
 * on disk and on memory.
 *
 * Linux 5.3 or later, x86-64 and aarch64. See ptrace(2); Kerrisk, chapter 20,
 * for signals; Stevens, UNP section 6.2, for the two phases of a read.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <sys/types.h>

enum { TEXT = 128 }; /* bytes of each text in an event */

enum event_kind {
    CALL_SLEEPS,   /* a call has slept for some time, and still sleeps */
    CALL_ENDS,     /* a call has returned, or its thread has ended in it */
    SIGNAL_COMES,  /* the kernel delivers the signal NAME */
    THREAD_BEGINS, /* NAME: "thread", "process", or "program" (an exec) */
    THREAD_ENDS,   /* NAME: "thread" or "process" */
    ALL_ENDED,     /* all threads have ended; the last has not gone yet */
};

struct event {
    enum event_kind kind;
    pid_t pid, tid;       /* the process, and the thread in it */
    double start, end;    /* ms since the program was started */
    const char *name;     /* of the call: "recv"; it stays valid */
    char arguments[TEXT]; /* of the call: "4", "3, 4 readable?" */
    char detail[TEXT];    /* a call's result: "5 bytes", "EAGAIN"; a signal's
                             sender: "from 17"; a thread's end: "exit 0" */
    int fd;               /* that the call is about; -1: none, or several */
    bool on_socket;       /* fd is a socket */
    bool waits;           /* the call's task is to wait: select, nanosleep */
    bool is_log;          /* a write to standard output or standard error */
    bool slept;           /* the kernel says so */
    double asleep_ms;     /* how long the call took, if it slept; else 0 */
    double cpu_ms;        /* CPU time that the call used */
    bool failed;          /* the call returned an error ... */
    bool refused;         /* ... EAGAIN: else it would have had to wait */
    bool unfinished;      /* the thread ended in the call */
    long bytes;           /* copied to or from the program; -1: the call
                             failed, or copies nothing */
};

/* trace() calls this for each event, in the order in which they happen. The
   thread that the event is about goes on when this returns. */
typedef void event_handler(const struct event *event);

/* Trace process PID and all threads and processes that it starts, from its
   next exec on, until the last of them has ended. PID is in wait_for_tracer()
   at the other end of a pipe. GATE is the end to write to; trace() closes it.
   Returns 0. Where the system does not allow ptrace, returns -1 and sets errno
   (EPERM: not permitted; ENOENT: no usable /proc; ENOSYS: not Linux), and so
   does wait_for_tracer(); then PID is not traced. */
int trace(pid_t pid, int gate, event_handler *on_event);

/* In the process to be traced, before its exec: wait until trace() is ready.
   GATE is the end of the pipe to read from; this closes it. Returns 0, or -1
   with errno set as trace() does. */
int wait_for_tracer(int gate);

#endif
