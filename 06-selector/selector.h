/*
 * selector: tells which of many fds are ready, like Python's module selectors
 * (the notes: selectors 模块). It has one interface and four backends: epoll,
 * kqueue, poll and select.
 *
 * The program registers each fd with the events to watch it for, and with a
 * callback, the function to call when the fd is ready:
 *
 *     static void on_readable(const struct selector_key *key, int ready)
 *     {
 *         ... recv(key->fd, ...): there is something to receive ...
 *     }
 *
 *     struct selector *selector = selector_open(NULL);
 *     selector_register(selector, fd, SELECTOR_READ, on_readable, NULL);
 *     for (;;) {
 *         struct selector_key key;
 *         int ready;
 *         if (selector_select(selector, -1) < 0)
 *             err(1, "selector_select");
 *         while ((ready = selector_next(selector, &key)) != 0)
 *             key.callback(&key, ready);
 *     }
 *
 * A selector is level-triggered: it reports an fd as long as the fd is ready.
 * If a callback does not read all bytes, the next selector_select() reports
 * the fd again. The fd was ready when selector_select() looked. Other
 * callbacks have run since then, so recv() may block all the same: use
 * non-blocking fds (O_NONBLOCK).
 *
 * A callback may register, modify, unregister and close any fd, also one that
 * is ready and has not had its turn: after selector_unregister(),
 * selector_next() does not return this fd. If the kernel then gives its number
 * to a new file, and the program registers the new file, then this file does
 * not get the events of the old one. A callback may call selector_select(). It
 * may also call selector_close(): then the loop must end when the callback
 * returns.
 *
 * First unregister an fd, then close it: the selector cannot see a close(2).
 * If the program only closes the fd, its number stays registered, and the
 * selector refuses a new file with this number (EEXIST). What the next
 * selector_select() does depends on the backend: epoll and kqueue do not
 * report the fd, poll reports that it is ready, select fails (EBADF). And
 * epoll watches the open file, not the number. If another fd (dup(2)) or a
 * child process has the same file open, epoll reports the file after the
 * close(), too, and it is too late for selector_unregister(). Then
 * selector_select() returns at once, again and again, and a new file with the
 * same number gets the events of the old one.
 *
 * A selector belongs to one thread, and to the process that opened it: a child
 * of fork(2) opens its own.
 *
 * Each function that returns int returns -1 after an error, and sets errno;
 * then all registrations are as they were before. (selector_next() never
 * fails.) See also: epoll(7), poll(2), select(2), and kqueue(2) where it
 * exists; Stevens, UNIX Network Programming 1, chapter 6.
 */
#ifndef SELECTOR_H
#define SELECTOR_H

enum {
    SELECTOR_READ = 1,  /* recv(), accept() or read() would not block */
    SELECTOR_WRITE = 2, /* send() or write() would not block; connect() has
                           ended, with success or with an error */
};

struct selector;
struct selector_key;

/* The function to call when the fd is ready. ready is SELECTOR_READ,
   SELECTOR_WRITE or both. The key is a copy: it does not change while the
   callback runs, whatever the callback does with the fd. */
typedef void selector_callback(const struct selector_key *key, int ready);

struct selector_key { /* what the selector keeps for a registered fd */
    int fd;
    int events;                  /* what to watch it for; 0: nothing now */
    selector_callback *callback; /* the loop above calls it */
    void *data;                  /* yours: the selector only keeps it */
};

/* The name of a backend that this system has: rank 0 is the best one, 1 the
   next, and so on. Returns NULL if there is no backend of this rank. The order
   is epoll, kqueue, poll, select, without those that the system lacks. */
const char *selector_backend_at(int rank);

/* Open a selector with the backend of this name; with NULL, the best one that
   the kernel can open now (epoll and kqueue need a free fd). Returns NULL
   after an error, and sets errno: EINVAL, there is no backend of this name;
   ENOMEM; or an error of epoll_create1(2) or kqueue(2), such as EMFILE. */
struct selector *selector_open(const char *backend);

/* The name of the backend. */
const char *selector_backend(const struct selector *selector);

/* Watch fd for these events: SELECTOR_READ, SELECTOR_WRITE, both or 0. (epoll
   and kqueue watch from now on, poll and select only in selector_select().
   This makes no difference: an fd that becomes ready in between is still ready
   then.)
   Errors: EEXIST, fd is registered already; EINVAL, other events; EBADF, fd
   is not open; ENOMEM; ENOSPC, see epoll_ctl(2); ERANGE, the backend is select
   and fd is not below FD_SETSIZE; EPERM, the backend is epoll and fd is a
   regular file, a directory or /dev/null, which epoll cannot watch. (For poll
   and select these are always ready. kqueue differs between systems.) */
int selector_register(struct selector *selector, int fd, int events,
                      selector_callback *callback, void *data);

/* Change the events, the callback and the data of a registered fd. With epoll
   and kqueue this makes a system call if the events differ from those before;
   with poll and select it makes none. With events 0 the fd stays registered,
   and selector_select() does not report it, not even if its connection breaks.
   Errors: ENOENT, fd is not registered; or as selector_register(). */
int selector_modify(struct selector *selector, int fd, int events,
                    selector_callback *callback, void *data);

/* Stop watching fd, and forget its key. It stays open. Errors: ENOENT, fd is
   not registered. */
int selector_unregister(struct selector *selector, int fd);

/* Wait until a registered fd is ready, but at most timeout_ms milliseconds
   (0: do not wait; below 0: no limit). Returns the number of ready fds, for
   selector_next(); 0 after the timeout, or if a signal handler has run.
   epoll and kqueue report at most 256 fds; the next call reports the rest.
   selector_select() drops the ready fds that selector_next() has not returned
   yet; it reports them again if they are still ready.
   If a connection breaks, or the peer closes it, then the fd is ready for all
   the events that it is registered for. The next recv() or send() says why.
   Errors: EBADF, see above; or an error of epoll_wait(2), kevent(2), poll(2)
   or select(2), such as ENOMEM. */
int selector_select(struct selector *selector, int timeout_ms);

/* The next ready fd. Copies its key to *key and returns the events that it is
   ready for: SELECTOR_READ, SELECTOR_WRITE or both, and only events that it is
   registered for. Returns 0 if there is no other ready fd. A callback can
   unregister a ready fd, so there may be fewer than selector_select() said. */
int selector_next(struct selector *selector, struct selector_key *key);

/* Free the selector. The fds stay open. NULL is allowed. */
void selector_close(struct selector *selector);

#endif
