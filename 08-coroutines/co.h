/*
 * co: coroutines, functions that can stop in the middle and go on later.
 *
 * Each has a stack of its own, so it may stop anywhere, also deep inside of
 * calls. One runs at a time, in one thread, until it lets another one on:
 *
 *   by hand    co_new(), co_resume(), co_yield(), co_switch(): you say who
 *              (yield and greenlet of the notes);
 *   by itself  co_spawn(), co_join(), co_sleep(), co_recv() ...: whoever has
 *              to wait hands over to those that can go on (gevent).
 *
 * Both may be mixed: a generator may co_recv(), and then all of those who
 * wait for its next value wait too. The program itself, from main() on, is a
 * coroutine like the others, named "main"; when it returns, all is over.
 *
 * What it is not: for several threads (it belongs to the one that uses it),
 * and preemptive. A loop without end, or a call of the kernel that sleeps,
 * stops all coroutines. So does a lock of threads held across a switch.
 *
 * Mistakes in the use of it (to resume one that has ended, all waiting for
 * each other) end the program by abort(), with a line that names who.
 *
 * Compile with -DCO_UCONTEXT for the switch of the C library in the place of
 * our own, -DCO_SAVE_FP for a floating-point state (rounding, traps) of each
 * coroutine's own, -DCO_POLL for poll() in the place of epoll.
 */
#ifndef CO_H
#define CO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
    CO_STACK_SIZE = 256 * 1024, /* bytes of each; costs what is touched */
    CO_GUARD_SIZE = 128 * 1024, /* bytes below it that nobody may touch; a
                                   frame larger than this could skip them */
    CO_NAME_SIZE = 24,          /* bytes of a name, with its '\0' */
    CO_MAX_FDS = 1024 * 1024,   /* fds from here on cannot be waited for */
};

struct co; /* a coroutine */

/* ----------------------------------------------------------------- by hand */

/* A coroutine that will run run(VALUE), VALUE being what the first switch to
   it carries; nothing runs yet. NAME is copied, cut if need be. NULL: no
   memory, or no more mappings (errno ENOMEM; Linux lets a process have some
   32,000 stacks, /proc/sys/vm/max_map_count). To be ended by co_free(). */
struct co *co_new(const char *name, void *(*run)(void *value));

/* Let CO run until it yields or ends. VALUE becomes what its co_yield()
   returns. Returns what it has yielded or, if now co_ended(), returned.
   (Python: co.send(value), and next(co) for co_resume(co, NULL).) */
void *co_resume(struct co *co, void *value);

/* Let the one go on who has resumed us (main, where nobody has), and give it
   VALUE. Returns the value of the co_resume() or co_switch() that lets us go
   on. */
void *co_yield(void *value);

/* Let CO go on, whoever it is, but one that has ended or waits for something;
   VALUE becomes what its co_yield(), co_resume() or co_switch() returns. Who
   ends goes to where it would have yielded. Returns like co_yield().
   (Python: co.switch(value) of a greenlet.) */
void *co_switch(struct co *co, void *value);

/* Has CO returned from run()? */
bool co_ended(const struct co *co);

/* Free one of co_new() that has ended or yielded. What it has not done yet
   it will not do. */
void co_free(struct co *co);

struct co *co_self(void);                 /* the one that runs */
const char *co_name(const struct co *co); /* valid as long as CO */

/* --------------------------------------------------------------- by itself */

/* A coroutine that runs run(ARG) as soon as others wait: at the next call
   that may wait, not before. Returns NULL like co_new(). To be ended by
   co_join(), co_join_all() or co_detach(). */
struct co *co_spawn(const char *name, void *(*run)(void *arg), void *arg);

/* Wait until CO, of co_spawn(), has ended. Returns what run() has returned.
   CO is freed, so only one may join it. */
void *co_join(struct co *co);

/* co_join() each one that has been spawned and not been joined or detached,
   also those spawned meanwhile, but oneself. */
void co_join_all(void);

/* Nobody will join CO, it is freed when it ends; maybe it has. */
void co_detach(struct co *co);

/* Let all others on who can go on, then go on. */
void co_pause(void);

/* Let others on for this many seconds at least, to the next millisecond; less
   than 0 is 0, more than 1e9 (30 years) is that. */
void co_sleep(double seconds);

/* Those who wait for something that another coroutine will tell of, first
   come, first served. All zero is an empty one, so static ones need no
   initialisation. */
struct co_queue {
    struct co *first, *last;
};

/* Wait in QUEUE until somebody wakes us. */
void co_wait(struct co_queue *queue);

/* Let the first one in QUEUE go on when we wait next. False: nobody waits. */
bool co_wake(struct co_queue *queue);

/* The system calls of these names (recv(2) ...), with the same arguments,
   results and errno. Where they would sleep, only the coroutine does, so they
   return neither EINTR nor, whatever the flags, EAGAIN. Several may wait for
   one fd, to read and to write. More errors: EBADF: another coroutine has
   called co_close() meanwhile, or the fd is not below CO_MAX_FDS. EMFILE,
   ENFILE, ENOMEM, ENOSPC: the system has no room to watch one more fd
   (epoll_create1(2), epoll_ctl(2)).

   co_recv() waits first, then calls: a system call saved where messages are
   awaited, and a turn for everybody where one client never stops sending.
   co_send() calls first. Neither needs a non-blocking fd; co_accept() and
   co_connect() make the fd that they are given non-blocking. co_accept()
   does not tell of who has left before it was accepted. */
ssize_t co_recv(int fd, void *buffer, size_t size, int flags);
ssize_t co_send(int fd, const void *bytes, size_t size, int flags);
int co_accept(int fd, struct sockaddr *address, socklen_t *size);
int co_connect(int fd, const struct sockaddr *address, socklen_t size);

/* close(2). An fd that one of the four has seen must be closed by this one:
   who still waits for it is woken, and fails with EBADF. */
int co_close(int fd);

#endif
