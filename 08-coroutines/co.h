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
 * A program may use both. A coroutine that is resumed by hand may call
 * co_recv(), too; then the coroutine that has resumed it also waits. The
 * program itself, from main() on, is a coroutine named "main". When main()
 * returns, the process ends, and all its coroutines with it.
 *
 * Limits. Only one thread may use this module. The scheduler never interrupts
 * a coroutine (it is not preemptive): an endless loop, or a system call that
 * sleeps, stops all coroutines. pthread_mutex_lock(3) makes the thread sleep,
 * and for ever, if another coroutine has locked the mutex; see 08e. After
 * fork(2), the child has a copy of each coroutine, and an epoll of its own.
 *
 * After a mistake of the program (it resumes a coroutine that has ended, say,
 * or no coroutine can go on) the module prints a line with the coroutine's
 * name and calls abort().
 *
 * Link co.c, co-stack.c and co-swap.c; and co-io.c for the calls of the part
 * "fds" below. Compile with
 *
 *   -DCO_UCONTEXT  to switch by the C library instead of our own code (where
 *                  the process has a shadow stack, say: see co-swap.c);
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
    CO_GUARD_SIZE = 128 * 1024, /* bytes below a stack that are not memory: to
                                   read or write there ends the program. (A
                                   function with more bytes of variables than
                                   this may miss them, and write below.) */
    CO_NAME_SIZE = 24,          /* bytes of a name, with its '\0' */
#ifdef __APPLE__
    CO_MAX_FDS = 10240,         /* poll() takes no more there */
#else
    CO_MAX_FDS = 1024 * 1024,   /* the module cannot wait for this fd, nor for
                                   a higher one */
#endif
};

struct co; /* a coroutine */

/* ----------------------------------------------------------------- by hand */

/* Make a coroutine that will call run(VALUE); VALUE is what the first switch
   to it passes. It does not run yet. NAME is copied; a name that is too long
   is cut. Free the coroutine with co_free(). Returns NULL and sets errno to
   ENOMEM if there is no memory, or if the process has too many mappings
   (mmap(2)): each stack takes two, so Linux allows about 32,000 stacks
   (/proc/sys/vm/max_map_count). */
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
   Its co_yield(), co_resume() or co_switch() returns VALUE. Returns like
   co_yield(). A coroutine of co_new() that ends switches like co_yield(): to
   the one that has resumed it, or to main. (Python: co.switch(value) of a
   greenlet.) */
void *co_switch(struct co *co, void *value);

/* Has CO returned from run()? */
bool co_ended(const struct co *co);

/* Free CO, made by co_new(). It must neither run nor wait for something. If it
   has not ended, the rest of its function never runs. */
void co_free(struct co *co);

struct co *co_self(void);                 /* the coroutine that runs */
const char *co_name(const struct co *co); /* valid until CO is freed */

/* ------------------------------------------------------------ by scheduler */

/* Make a coroutine that calls run(ARG). It first runs when the coroutine that
   runs now waits (or ends), not before. To free it, call co_join(),
   co_join_all() or co_detach(). Returns NULL for the same reasons as
   co_new(). */
struct co *co_spawn(const char *name, void *(*run)(void *arg), void *arg);

/* Wait until CO, made by co_spawn(), has ended. Returns what run() returned.
   Frees CO, so only one coroutine may join it. */
void *co_join(struct co *co);

/* Join every coroutine, other than this one, that was spawned and that no
   coroutine has joined or detached; also those spawned while it waits. */
void co_join_all(void);

/* Free CO when it ends, or now if it has ended. No coroutine may join it. */
void co_detach(struct co *co);

/* Let every other coroutine that is ready run once, then go on. */
void co_pause(void);

/* Wait for SECONDS at least, rounded up to the next millisecond; meanwhile the
   others run. A negative number counts as 0, a number above 1e9 (30 years) as
   1e9. */
void co_sleep(double seconds);

/* A queue of coroutines that wait for the same event; the first to come is the
   first to go on. Who learns of the event calls co_wake(). Initialise it with
   zeros (a static one has them). */
struct co_queue {
    struct co *first, *last;
};

/* Wait in QUEUE until a co_wake() takes this coroutine from it. */
void co_wait(struct co_queue *queue);

/* Like co_wait(), but until TIME at the latest, in seconds of CLOCK_MONOTONIC
   (clock_gettime(2)). Returns false if no co_wake() has come by then. */
bool co_wait_until(struct co_queue *queue, double time);

/* Make the first coroutine of QUEUE ready: it goes on later, when this
   coroutine waits. Returns false if the queue is empty. */
bool co_wake(struct co_queue *queue);

/* The scheduler has one idle hook, a function that waits for events from
   outside, such as fds that become readable. The scheduler calls it after
   each round, that is, when every coroutine that was ready has had a turn.
   HOOK calls co_wake() for each event that has come. If none has come, it
   sleeps until one comes, but TIMEOUT milliseconds at most; 0: it does not
   sleep; -1: there is no limit. Returns false if TIMEOUT is -1 and no
   coroutine waits for an event from outside: then the scheduler reports a
   deadlock. HOOK must not call a function that waits, such as co_wait() or
   co_sleep(): it runs on the stack of the coroutine that happens to wait.
   Without a hook the scheduler sleeps in nanosleep(2). (Here co-io.c sets the
   hook when a coroutine first waits for an fd.) */
void co_set_idle_hook(bool (*hook)(int timeout));

/* --------------------------------------------------------------------- fds */

/* These are the system calls of the same names (recv(2), send(2), accept(2),
   connect(2), close(2)), with the same arguments, results and errno. But
   where the system call would make the process sleep, only the coroutine
   waits. It waits even if the fd is non-blocking; MSG_DONTWAIT alone keeps it
   from waiting. So they do not fail with EINTR, and with EAGAIN only for that
   flag, or at a timeout. Several coroutines may wait for the same fd, to read
   and to write.

   A timeout, SO_RCVTIMEO or SO_SNDTIMEO (socket(7)), ends a call as it ends
   the system call: with EAGAIN, co_connect() with EINPROGRESS, or with the
   number of bytes so far. Set it before the first call that may wait for the
   fd: the module reads it then, and not again before a co_close().

   These errors have other reasons, too. EBADF: another coroutine has called
   co_close() meanwhile, or the fd is not below CO_MAX_FDS. EMFILE, ENFILE,
   ENOMEM, ENOSPC: the kernel has no room to watch one more fd
   (epoll_create1(2), epoll_ctl(2)).

   co_recv() first waits, then calls recv(). This saves a system call where
   the message has not come yet, and one client that never stops sending
   cannot keep the others from their turn. With MSG_WAITALL it waits until
   SIZE bytes have come (not with MSG_PEEK). co_send() first calls send(), and
   returns when the kernel has taken all bytes; after an error or a
   co_close() it returns how many the kernel has taken, if any.

   co_accept() makes the listener non-blocking. It skips a client that has
   left before the server could accept it (ECONNABORTED). co_connect() leaves
   the fd's flags as they were. Where the backlog of a UNIX domain socket is
   full, it tries again every 10 ms: the kernel reports no event for that. */
ssize_t co_recv(int fd, void *buffer, size_t size, int flags);
ssize_t co_send(int fd, const void *bytes, size_t size, int flags);
int co_accept(int fd, struct sockaddr *address, socklen_t *size);
int co_connect(int fd, const struct sockaddr *address, socklen_t size);

/* Close an fd that one of the four calls above has used. (After a close(2) the
   module would still believe that the kernel watches it.) A coroutine that
   waits for the fd goes on, and its call fails with EBADF. */
int co_close(int fd);

#endif
