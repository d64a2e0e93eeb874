/*
 * faults-rules: which call gets which fault. It reads the environment before
 * main() of the program, and decides for each call. See faults.c.
 */
#ifndef FAULTS_RULES_H
#define FAULTS_RULES_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>

#ifndef RTLD_NEXT /* glibc hides it without _GNU_SOURCE, with which it has */
#define RTLD_NEXT ((void *)-1L) /* other types for accept() and connect() */
#endif

/* The function of this name that the program would have called. */
#define REAL(name) \
    static __typeof__(name) *real; \
    if (real == NULL) \
        *(void **)&real = dlsym(RTLD_NEXT, #name)

/* The program has symbols of its own: it must not see these. */
#pragma GCC visibility push(hidden)

enum { SHORT = -1 }; /* a fault that is no errno: move a part of the bytes */

enum call {
    RECV, SEND, READ, WRITE, ACCEPT, CONNECT, SOCKET, SETSOCKOPT, CLOSE,
    SELECT, POLL, EPOLL_WAIT, EPOLL_CTL, MALLOC, MMAP, OPEN, FORK,
    PTHREAD_CREATE, NANOSLEEP, WAITPID, CALLS
};

/* The fault that this call gets: an errno, SHORT, or 0. fd: -1, if the call
   has none. nonblocking: a flag of the call says that it does not block. errno
   stays as it is. */
int next_fault(enum call call, int fd, bool nonblocking);

/* The program waits for the first time: from now on there are faults. */
void faults_start(void);

/* Does the fd not block? */
bool is_nonblocking(int fd);

/* A part of this size, at least one byte of it. */
size_t part_of(size_t size);

/* The program has told epoll to watch this fd, or, with event NULL, not any
   more. After a fault of an edge-triggered fd epoll reports it again. */
void watch_edges(int epoll, int fd, const struct epoll_event *event);

/* This process is a child of fork(): it gets faults of its own. number: how
   many children its parent has made. */
void faults_of_child(unsigned long number);

#pragma GCC visibility pop
#endif
