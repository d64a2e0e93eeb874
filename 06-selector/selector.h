/*
 * selector: who of many is ready? One interface over epoll, kqueue, poll and
 * select, after the module selectors of Python (the notes: selectors 模块).
 *
 *     static void hear(const struct selector_key *key, int ready)
 *     {
 *         ... recv(key->fd, ...), for there is something to receive ...
 *     }
 *
 *     struct selector *selector = selector_open(NULL);
 *     selector_register(selector, fd, SELECTOR_READ, hear, NULL);
 *     for (;;) {
 *         struct selector_key key;
 *         int ready;
 *         if (selector_select(selector, -1) < 0)
 *             err(1, "select");
 *         while ((ready = selector_next(selector, &key)) != 0)
 *             key.callback(&key, ready);
 *     }
 *
 * A selector tells of a state as long as it lasts (level-triggered): what a
 * callback leaves unread is told again by the next selector_select(). What is
 * told was so when that one looked; other callbacks have been called since, so
 * let the fds be non-blocking (O_NONBLOCK).
 *
 * A callback may do anything to any fd: register, modify, unregister and close
 * it, select anew; also to one that is ready and has not had its turn. Once
 * unregistered, an fd gets no more turns; and if its number is given to
 * another file and registered again before the turn would have come, the new
 * owner does not get what was meant for the old one. It may not close the
 * selector whose loop it is called from, unless that loop then ends.
 *
 * First unregister an fd, then close it. The selector cannot see a close():
 * the number stays registered (EEXIST), and what the next selector_select()
 * makes of it differs. epoll and kqueue do not mention it, poll says that it
 * is ready, select fails (EBADF). And epoll watches the file, not the number:
 * as long as a dup() or a child has it open, epoll goes on about it, even after
 * selector_unregister(): selector_select() returns at once, again and again,
 * and who gets the number gets its events.
 *
 * A selector belongs to one thread, and to the process that has opened it: a
 * child of fork() opens its own.
 *
 * What returns int returns -1 where it fails, with the reason in errno; then
 * all registrations are as before. See also: epoll(7), poll(2), select(2), and
 * kqueue(2) where it is; Stevens, UNIX Network Programming 1, chapter 6.
 */
#ifndef SELECTOR_H
#define SELECTOR_H

enum {
    SELECTOR_READ = 1,  /* recv(), accept(), read() would not wait */
    SELECTOR_WRITE = 2, /* send(), write() would not wait; connect() is done */
};

struct selector;
struct selector_key;

/* What to do when it is ready, for READ, WRITE or both. The key is the
   caller's own copy: it stays as it is, whatever becomes of the fd. */
typedef void selector_callback(const struct selector_key *key, int ready);

struct selector_key { /* a registration */
    int fd;
    int events;                  /* what it waits for; 0: nothing, for now */
    selector_callback *callback; /* not called by the selector: see above */
    void *data;                  /* the caller's, untouched */
};

/* The name of a backend that was built in: 0 is the best, 1 the next, and so
   on; NULL: there are no more. They are epoll, kqueue, poll, select, in this
   order, where the system has them. */
const char *selector_backend_at(int rank);

/* Open a selector with this backend, or, for NULL, the best that the kernel
   is willing to open. Returns NULL where that fails. Errors: EINVAL, there is
   no backend of this name here; ENOMEM; and those of epoll_create1() and of
   kqueue(), as EMFILE and ENOSYS. */
struct selector *selector_open(const char *backend);

/* The name of its backend. */
const char *selector_backend(const struct selector *selector);

/* Watch an fd from now on. (epoll and kqueue look from here on, the others
   in selector_select(); as it is a state that is told, nothing gets lost.)
   Errors: EEXIST, it is registered; EINVAL, events other than the two; EBADF,
   it is not open; ERANGE, the backend is select and the fd not below
   FD_SETSIZE; EPERM, the backend is epoll and the fd a regular file, a
   directory or /dev/null, which has no such states (for poll and select they
   are always ready; kqueue differs from system to system); ENOMEM; ENOSPC. */
int selector_register(struct selector *selector, int fd, int events,
                      selector_callback *callback, void *data);

/* Change what it waits for, and what is to be done then. It takes a system
   call (epoll, kqueue) only where events differ from before. Events 0 keep
   it registered, but not watched: nothing is told of it, not even an error.
   Errors: ENOENT, it is not registered; else as selector_register(). */
int selector_modify(struct selector *selector, int fd, int events,
                    selector_callback *callback, void *data);

/* Forget it; it stays open. Errors: ENOENT, it is not registered. */
int selector_unregister(struct selector *selector, int fd);

/* Sleep until an fd is ready or timeout_ms milliseconds are over (0: do not
   wait; below 0: for ever). Returns how many it has found ready, for
   selector_next() (epoll and kqueue find 256 at most in one call, the others
   in the next); 0 when the time was over or a signal came. What selector_next() has not
   told of the time before is dropped; if it lasts, it is told again.
   An error, or the other side's hang-up, counts as ready for all that the fd
   waits for: the recv() or send() that follows says which it is.
   Errors: EBADF, see above; else what the backend's call says, as ENOMEM. */
int selector_select(struct selector *selector, int timeout_ms);

/* The next one that is ready. Returns for what: SELECTOR_READ, SELECTOR_WRITE
   or both, never what it does not wait for; its key goes to *key. 0: that was
   the last one. There may be fewer than selector_select() has said. */
int selector_next(struct selector *selector, struct selector_key *key);

/* Free the selector; the fds stay open. NULL is allowed. */
void selector_close(struct selector *selector);

#endif
