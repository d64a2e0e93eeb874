/*
 * co: coroutines, functions that can stop in the middle and go on later.
 *
 * Each coroutine has its own stack, so it can stop anywhere, also inside
 * nested calls. All of them run in one thread, one at a time. The running
 * coroutine keeps the thread until it switches to another one:
 *
 *   by hand       co_new(), co_resume(), co_yield(), co_switch(): the program
 *                 says which coroutine goes on (yield and greenlet in the
 *                 notes);
 *   by scheduler  co_spawn(), co_join(), co_sleep(), co_recv() ...: a
 *                 coroutine that must wait lets the others go on (gevent).
 *
 * A program may use both. A generator may call co_recv(); the coroutine that
 * has resumed the generator then waits, too. The program itself, from main()
 * on, is a coroutine named "main". When main() returns, the process ends, and
 * all its coroutines with it.
 *
 * Limits. Only one thread may use this module. It is not preemptive: an
 * endless loop, or a system call that sleeps, stops all coroutines. A mutex of
 * threads that is held across a switch stops them, too. After fork(2), the
 * child has a copy of each coroutine, and waits by an epoll of its own.
 *
 * After a mistake in its use (to resume a coroutine that has ended, say, or a
 * deadlock) the module prints a line with the coroutine's name and calls
 * abort().
 *
 * Link co.c, co-stack.c and co-swap.c; and co-io.c for the calls of the part
 * "fds" below. Compile with
 *
 *   -DCO_UCONTEXT  to switch by the C library instead of our own code;
 *   -DCO_SAVE_FP   to give each coroutine its own floating-point settings
 *                  (rounding, exceptions);
 *   -DCO_POLL      to wait for fds by poll() instead of epoll.
 */
#ifndef CO_H
#define CO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
    CO_STACK_SIZE = 256 * 1024, /* bytes of address space for each coroutine;
                                   only the pages in use take memory */
    CO_GUARD_SIZE = 128 * 1024, /* bytes below a stack. A function that uses
                                   them ends the program, but one with more
                                   variables than this may jump over them */
    CO_NAME_SIZE = 24,          /* bytes of a name, with its '\0' */
    CO_MAX_FDS = 1024 * 1024,   /* the module cannot wait for this fd, nor for
                                   a higher one */
};

struct co; /* a coroutine */

/* ----------------------------------------------------------------- by hand */

/* Make a coroutine that will call run(VALUE); VALUE is what the first switch
   to it passes. It does not run yet. NAME is copied; a name that is too long
   is cut. Returns NULL and sets errno to ENOMEM if there is no memory, or no
   more mappings: Linux allows about 32,000 stacks for a process
   (/proc/sys/vm/max_map_count). Free it with co_free(). */
struct co *co_new(const char *name, void *(*run)(void *value));

/* Run CO until it yields or ends. CO's co_yield() returns VALUE. Returns what
   CO has passed to co_yield() or, if co_ended(CO) now, returned from run().
   (Python: co.send(value); for co_resume(co, NULL) next(co).) */
void *co_resume(struct co *co, void *value);

/* Switch to the coroutine that has resumed this one (to main, if none has);
   its co_resume() returns VALUE. Returns the value that the next co_resume()
   or co_switch() to this coroutine passes. */
void *co_yield(void *value);

/* Switch to CO, any coroutine that neither has ended nor waits for something.
   Its co_yield(), co_resume() or co_switch() returns VALUE. When a coroutine
   ends, the program goes on where its co_yield() would have gone. Returns
   like co_yield(). (Python: co.switch(value) of a greenlet.) */
void *co_switch(struct co *co, void *value);

/* Has CO returned from run()? */
bool co_ended(const struct co *co);

/* Free CO, made by co_new(), after it has ended or yielded. If it has yielded,
   the rest of its function never runs. */
void co_free(struct co *co);

struct co *co_self(void);                 /* the coroutine that runs */
const char *co_name(const struct co *co); /* valid until CO is freed */

/* ------------------------------------------------------------ by scheduler */

/* Make a coroutine that calls run(ARG). It first runs when the coroutine that
   runs now waits (or ends), not before. Returns NULL like co_new(). Then call
   co_join(), co_join_all() or co_detach(), which free it. */
struct co *co_spawn(const char *name, void *(*run)(void *arg), void *arg);

/* Wait until CO, made by co_spawn(), has ended. Returns what run() returned.
   Frees CO, so only one coroutine may join it. */
void *co_join(struct co *co);

/* Join every coroutine, other than this one, that was spawned and that no
   coroutine has joined or detached; also those spawned while it waits. */
void co_join_all(void);

/* CO is freed when it ends, or now if it has ended. It cannot be joined. */
void co_detach(struct co *co);

/* Let every other coroutine that is ready run once, then go on. */
void co_pause(void);

/* Let the others run for SECONDS at least, rounded up to the next
   millisecond. A negative number counts as 0, a number above 1e9 (30 years)
   as 1e9. */
void co_sleep(double seconds);

/* A queue of coroutines that wait for the same event, which another coroutine
   reports; the first to come is the first to go on. Zero-initialise it (a
   static one is). */
struct co_queue {
    struct co *first, *last;
};

/* Wait in QUEUE until a co_wake() takes this coroutine from it. */
void co_wait(struct co_queue *queue);

/* Make the first coroutine of QUEUE ready: it goes on when this coroutine
   waits. Returns false if the queue is empty. */
bool co_wake(struct co_queue *queue);

/* The scheduler has one idle hook, a function that waits for events from
   outside, such as fds that become readable. The scheduler calls it after
   each round, that is, when every coroutine that was ready has had a turn.
   HOOK calls co_wake() for each event that has come. If none has come, it
   sleeps until one comes, but TIMEOUT milliseconds at most; 0: it does not
   sleep; -1: there is no limit. Returns false if TIMEOUT is -1 and no
   coroutine waits for an event from outside: then the scheduler reports a
   deadlock. HOOK runs on the stack of any coroutine, and must not wait in
   another way. Without a hook the scheduler sleeps by the clock.
   (Here co-io.c sets the hook when a coroutine first waits for an fd.) */
void co_set_idle_hook(bool (*hook)(int timeout));

/* --------------------------------------------------------------------- fds */

/* These are the system calls of the same names (recv(2), send(2), accept(2),
   connect(2), close(2)), with the same arguments, results and errno. But
   where the system call would make the process sleep, only the coroutine
   waits. It waits although the fd is non-blocking; only with MSG_DONTWAIT it
   does not. So without that flag they fail neither with EAGAIN nor with
   EINTR. Several coroutines may wait for the same fd, to read and to write.
   There are more errors: EBADF: another coroutine has called co_close()
   meanwhile, or the fd is not below CO_MAX_FDS. EMFILE, ENFILE, ENOMEM,
   ENOSPC: the kernel has no room to watch one more fd (epoll_create1(2),
   epoll_ctl(2)).

   co_recv() first waits, then calls recv(). This saves a system call where
   the message has not come yet, and one client that never stops sending
   cannot keep the others from their turn. With MSG_WAITALL it waits until
   SIZE bytes have come (not with MSG_PEEK). co_send() first calls send(), and
   returns when the kernel has taken all bytes; after an error or a
   co_close() it returns how many the kernel has taken, if any.

   co_accept() makes the listener non-blocking. It skips a client that has
   left before the server could accept it (ECONNABORTED). co_connect() leaves
   the fd's flags as they were.

   Two things differ. The timeouts SO_RCVTIMEO and SO_SNDTIMEO have no effect.
   co_connect() to a UNIX domain socket fails with EAGAIN when the listener's
   backlog is full; connect() would wait. */
ssize_t co_recv(int fd, void *buffer, size_t size, int flags);
ssize_t co_send(int fd, const void *bytes, size_t size, int flags);
int co_accept(int fd, struct sockaddr *address, socklen_t *size);
int co_connect(int fd, const struct sockaddr *address, socklen_t size);

/* Close an fd that one of the four calls above has used; close(2) is not
   enough. A coroutine that still waits for the fd goes on, and its call fails
   with EBADF. */
int co_close(int fd);

#endif
