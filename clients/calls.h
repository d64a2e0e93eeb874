/*
 * calls: the system calls that trace() reports, as text: the name, the
 * arguments and the result of each. Linux only, x86-64 and aarch64.
 *
 * A call has the name of the C function that a program calls: "recv" for the
 * kernel's recvfrom without an address, "select" for pselect6 without a
 * signal mask. Not in the table: calls on files on disk and on memory.
 */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct call_type; /* a row of the table in calls.c */

/* A call of a thread, which ptrace(2) has stopped in it. */
struct call {
    pid_t pid, tid;       /* the process, and the thread in it */
    const struct call_type *type;
    uint64_t arguments[6];
    long result;          /* set this before print_result() */
};

/* The row of the system call with this number of the machine we are compiled
   for. NULL: it is not in the table. */
const struct call_type *find_call_type(uint64_t number);

const char *call_name(const struct call *call);

/* The fd that the call is about; -1: none, or several. */
int call_fd(const struct call *call);

/* Is it the call's task to wait, as select()'s and nanosleep()'s is? */
bool call_waits(const struct call *call);

/* Is its result the number of bytes that it has copied? */
bool call_copies(const struct call *call);

/* Is it a read(), write() or close() of a file on disk? */
bool call_is_on_disk(const struct call *call);

/* Is it a write() to standard output or standard error? */
bool call_is_log(const struct call *call);

/* May it change how many fds an epoll instance has? (See epoll_size().) */
bool call_changes_epoll(const struct call *call);

/* Write the arguments to TEXT, which has room for SIZE bytes: "4",
   "3, 4 readable?" or "". What is longer is cut off. */
void print_arguments(const struct call *call, char *text, size_t size);

/* The same for the result of a call that did not fail: "5 bytes". */
void print_result(const struct call *call, char *text, size_t size);

#endif
