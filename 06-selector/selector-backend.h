/*
 * selector-backend: what a backend of the selector does. selector.c and the
 * four backends include this file; programs include selector.h.
 *
 * A backend is the file selector-NAME.c, and it wraps one way to wait: epoll,
 * kqueue, poll or select. It keeps the interest list, which says which fds to
 * watch for which events, and it waits until some of them are ready. It knows
 * nothing of keys and callbacks: selector.c keeps these. It includes this file
 * and system headers, nothing else.
 *
 * All four files have the four functions of struct backend in the same order.
 * So diff shows what differs between two ways to wait:
 *
 *     diff 06-selector/selector-poll.c 06-selector/selector-select.c
 *     diff 06-selector/selector-kqueue.c 06-selector/selector-epoll.c
 *
 * To add a backend: write its file, declare its struct backend below, and put
 * it in the array backends in selector.c.
 */
#ifndef SELECTOR_BACKEND_H
#define SELECTOR_BACKEND_H

#include "selector.h" /* SELECTOR_READ, SELECTOR_WRITE */

enum {
    BACKEND_BATCH = 256, /* ready[] has so many entries or more, see wait() */
};

/* The interest list. Each backend defines the struct in its own way. */
struct interest_list;

struct ready_fd {
    int fd;
    int events; /* SELECTOR_READ, SELECTOR_WRITE or both */
};

struct backend {
    /* For selector_open(). NULL: this system lacks the backend, and all other
       members are NULL. */
    const char *name;

    /* Make an empty interest list. Returns NULL after an error, sets errno. */
    struct interest_list *(*open)(void);

    /* Watch fd for new_events from now on; in the list it has old_events. Each
       of the two is SELECTOR_READ, SELECTOR_WRITE, both, or 0: fd is not in
       the list. They are never equal, and fd is never negative. Returns 0; or
       -1 after an error, and sets errno; then the list is as it was before. If
       new_events is 0, selector.c ignores an error: the program has closed fd
       already, and the kernel has removed it from the list. */
    int (*change)(struct interest_list *list, int fd, int old_events,
                  int new_events);

    /* Wait until an fd in the list is ready, but at most timeout_ms
       milliseconds (0: do not wait; below 0: no limit). No fd above highest_fd
       is in the list; highest_fd is -1 if the list is empty. Writes the ready
       fds to ready[], which has BACKEND_BATCH entries or highest_fd + 1,
       whichever is more. The next wait() writes those that found no room.
       Returns the number of entries written, 0 after the timeout; or -1 after
       an error, and sets errno (EINTR: a signal handler has run).
       If a connection has failed or ended, its fd is ready for both events.
       (selector.c ignores events that the fd does not have in the list, and
       ready[] may have two entries for one fd.) */
    int (*wait)(struct interest_list *list, int highest_fd, int timeout_ms,
                struct ready_fd *ready);

    /* Free the list. The fds in it stay open. */
    void (*close)(struct interest_list *list);
};

extern const struct backend epoll_backend;
extern const struct backend kqueue_backend;
extern const struct backend poll_backend;
extern const struct backend select_backend;

#endif
