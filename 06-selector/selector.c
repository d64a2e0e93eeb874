/*
 * selector: one interface over epoll, kqueue, poll and select; what it
 * promises stands in selector.h.
 *
 * Look at the four backends, side by side: open_, change_, wait_ and close_ do
 * in each what lessons 03, 04 and 05 did by hand. The rest, at the end, keeps
 * the keys and knows no system call of theirs.
 * The notes: 通用写法 (Selector), selectors 模块.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#ifdef __linux__
#define HAVE_EPOLL
#include <sys/epoll.h>
#endif

/* On Linux there is a library for it: cc -DSELECTOR_KQUEUE ... -lkqueue */
#if defined SELECTOR_KQUEUE || defined __APPLE__ || defined __FreeBSD__ || \
    defined __NetBSD__ || defined __OpenBSD__ || defined __DragonFly__
#define HAVE_KQUEUE
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#endif

#include "selector.h"

enum {
    BATCH = 256,     /* events fetched by one epoll_wait() or kevent() */
    FIRST_ROOM = 64, /* table entries, by fd; they double when needed */
};

/* What the selector knows of an fd. What is left to tell lies here, with the
   fd, and not in a list of events: so it goes when the fd goes. */
struct slot {
    struct selector_key key;
    bool registered;
    int ready; /* and not yet told by selector_next() */
};

struct selector {
    const struct backend *backend;
    struct slot *slots; /* by fd */
    int *batch;         /* the fds that the last wait found ready: ... */
    int batch_size;     /* ... so many, ... */
    int told;           /* ... of which selector_next() has told so many */
    int room;           /* entries of slots and of batch */
    int highest;        /* fd that is watched, or -1: nobody looks beyond */

    int kernel_fd;           /* epoll, kqueue: the list is in the kernel */
    struct pollfd *asked;    /* poll: the list, by fd; -1 where nobody is */
    int asked_room;          /* ... entries of it */
    fd_set readers, writers; /* select: the list, a bit for each fd */
};

/* What a backend does. change: the kernel is to watch the fd for the events
   now, where it was for before; these differ, and 0 is not at all. wait:
   found() for each fd that is ready. open, change and wait return -1 with
   errno where they fail; then change has changed nothing. */
struct backend {
    const char *name;
    int (*open)(struct selector *);
    int (*change)(struct selector *, int fd, int before, int now);
    int (*wait)(struct selector *, int timeout_ms);
    void (*close)(struct selector *);
};

/* It is ready for these, of which only what it waits for is of interest. An
   fd may be found twice: kqueue has an event for each direction. */
static void found(struct selector *s, int fd, int events)
{
    struct slot *slot = &s->slots[fd];
    events &= slot->key.events;
    if (slot->ready == 0 && events != 0)
        s->batch[s->batch_size++] = fd;
    slot->ready |= events;
}

/* ------------------------------------------------------------------ epoll */

#ifdef HAVE_EPOLL
static int open_epoll(struct selector *s)
{
    return s->kernel_fd = epoll_create1(EPOLL_CLOEXEC);
}

static int change_epoll(struct selector *s, int fd, int before, int now)
{
    struct epoll_event event = { .data.fd = fd };
    int change = before == 0 ? EPOLL_CTL_ADD :
                 now == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    event.events = (now & SELECTOR_READ ? EPOLLIN : 0) |
                   (now & SELECTOR_WRITE ? EPOLLOUT : 0);
    return epoll_ctl(s->kernel_fd, change, fd, &event);
}

static int wait_epoll(struct selector *s, int timeout_ms)
{
    struct epoll_event ready[BATCH];
    int n = epoll_wait(s->kernel_fd, ready, BATCH, timeout_ms);
    for (int i = 0; i < n; i++)
        found(s, ready[i].data.fd,
              (ready[i].events & ~EPOLLOUT ? SELECTOR_READ : 0) |
              (ready[i].events & ~EPOLLIN ? SELECTOR_WRITE : 0));
    return n;
}

static void close_epoll(struct selector *s)
{
    close(s->kernel_fd);
}

static const struct backend epoll_backend = {
    "epoll", open_epoll, change_epoll, wait_epoll, close_epoll
};
#endif

/* ----------------------------------------------------------------- kqueue */

#ifdef HAVE_KQUEUE
static int open_kqueue(struct selector *s)
{
    if ((s->kernel_fd = kqueue()) >= 0)
        fcntl(s->kernel_fd, F_SETFD, FD_CLOEXEC);
    return s->kernel_fd;
}

/* A change for each direction. Where the second fails the first is undone. */
static int change_kqueue(struct selector *s, int fd, int before, int now)
{
    struct kevent changes[2];
    int n = 0;
    if ((before ^ now) & SELECTOR_READ)
        EV_SET(&changes[n++], fd, EVFILT_READ,
               now & SELECTOR_READ ? EV_ADD : EV_DELETE, 0, 0, 0);
    if ((before ^ now) & SELECTOR_WRITE)
        EV_SET(&changes[n++], fd, EVFILT_WRITE,
               now & SELECTOR_WRITE ? EV_ADD : EV_DELETE, 0, 0, 0);
    if (kevent(s->kernel_fd, changes, n, NULL, 0, NULL) == 0)
        return 0;
    int reason = errno;
    for (int i = 0; i < n; i++)
        changes[i].flags ^= EV_ADD ^ EV_DELETE;
    kevent(s->kernel_fd, changes, n, NULL, 0, NULL);
    errno = reason;
    return -1;
}

static int wait_kqueue(struct selector *s, int timeout_ms)
{
    struct kevent ready[BATCH];
    struct timespec timeout = { .tv_sec = timeout_ms / 1000,
                                .tv_nsec = timeout_ms % 1000 * 1000000L };
    int n = kevent(s->kernel_fd, NULL, 0, ready, BATCH,
                   timeout_ms < 0 ? NULL : &timeout);
    for (int i = 0; i < n; i++)
        found(s, (int)ready[i].ident, ready[i].filter == EVFILT_READ ?
              SELECTOR_READ : SELECTOR_WRITE);
    return n;
}

static void close_kqueue(struct selector *s)
{
    close(s->kernel_fd);
}

static const struct backend kqueue_backend = {
    "kqueue", open_kqueue, change_kqueue, wait_kqueue, close_kqueue
};
#endif

/* ------------------------------------------------------------------- poll */

static int open_poll(struct selector *s)
{
    (void)s; /* the list grows when it has to */
    return 0;
}

static int change_poll(struct selector *s, int fd, int before, int now)
{
    (void)before;
    if (fd >= s->asked_room) {
        struct pollfd *asked = realloc(s->asked,
                                       (size_t)s->room * sizeof *asked);
        if (asked == NULL)
            return -1;
        s->asked = asked;
        while (s->asked_room < s->room)
            asked[s->asked_room++].fd = -1;
    }
    s->asked[fd].fd = now == 0 ? -1 : fd;
    s->asked[fd].events = (short)((now & SELECTOR_READ ? POLLIN : 0) |
                                  (now & SELECTOR_WRITE ? POLLOUT : 0));
    return 0;
}

static int wait_poll(struct selector *s, int timeout_ms)
{
    int n = poll(s->asked, (nfds_t)(s->highest + 1), timeout_ms);
    for (int fd = 0, left = n; left > 0; fd++) {
        int events = s->asked[fd].revents; /* 0 where nobody is */
        found(s, fd, (events & ~POLLOUT ? SELECTOR_READ : 0) |
                     (events & ~POLLIN ? SELECTOR_WRITE : 0));
        left -= events != 0;
    }
    return n;
}

static void close_poll(struct selector *s)
{
    free(s->asked);
}

static const struct backend poll_backend = {
    "poll", open_poll, change_poll, wait_poll, close_poll
};

/* ----------------------------------------------------------------- select */

static int open_select(struct selector *s)
{
    FD_ZERO(&s->readers);
    FD_ZERO(&s->writers);
    return 0;
}

/* FD_SET() beyond the set would write into other memory without a word. */
static int change_select(struct selector *s, int fd, int before, int now)
{
    (void)before;
    if (fd >= FD_SETSIZE) {
        errno = ERANGE;
        return -1;
    }
    if (now & SELECTOR_READ)
        FD_SET(fd, &s->readers);
    else
        FD_CLR(fd, &s->readers);
    if (now & SELECTOR_WRITE)
        FD_SET(fd, &s->writers);
    else
        FD_CLR(fd, &s->writers);
    return 0;
}

static int wait_select(struct selector *s, int timeout_ms)
{
    fd_set readable = s->readers, writable = s->writers; /* overwritten */
    struct timeval timeout = { .tv_sec = timeout_ms / 1000,
                               .tv_usec = timeout_ms % 1000 * 1000 };
    int n = select(s->highest + 1, &readable, &writable, NULL,
                   timeout_ms < 0 ? NULL : &timeout);
    for (int fd = 0, left = n; left > 0; fd++) {
        int events = (FD_ISSET(fd, &readable) ? SELECTOR_READ : 0) |
                     (FD_ISSET(fd, &writable) ? SELECTOR_WRITE : 0);
        found(s, fd, events);
        left -= !!(events & SELECTOR_READ) + !!(events & SELECTOR_WRITE);
    }
    return n;
}

static void close_select(struct selector *s)
{
    (void)s; /* the sets are in it */
}

static const struct backend select_backend = {
    "select", open_select, change_select, wait_select, close_select
};

/* ---------------------------------------------------------- the interface */

/* The best first. (Python has kqueue first; no system has both of itself.) */
static const struct backend *const backends[] = {
#ifdef HAVE_EPOLL
    &epoll_backend,
#endif
#ifdef HAVE_KQUEUE
    &kqueue_backend,
#endif
    &poll_backend,
    &select_backend,
};

enum { BACKENDS = sizeof backends / sizeof backends[0] };

const char *selector_backend_at(int rank)
{
    return rank < 0 || rank >= BACKENDS ? NULL : backends[rank]->name;
}

struct selector *selector_open(const char *backend)
{
    struct selector *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->highest = -1;
    errno = EINVAL; /* unless one of that name says something else */
    for (int i = 0; i < BACKENDS; i++) {
        s->backend = backends[i];
        if ((backend == NULL || strcmp(backend, backends[i]->name) == 0) &&
            backends[i]->open(s) >= 0)
            return s;
    }
    free(s);
    return NULL;
}

const char *selector_backend(const struct selector *s)
{
    return s->backend->name;
}

void selector_close(struct selector *s)
{
    if (s == NULL)
        return;
    s->backend->close(s);
    free(s->slots);
    free(s->batch);
    free(s);
}

/* Let the tables have an entry for this fd. False: there is no memory. */
static bool make_room(struct selector *s, int fd)
{
    size_t room = s->room > 0 ? (size_t)s->room : FIRST_ROOM;
    while (room <= (size_t)fd)
        room *= 2;
    if (room == (size_t)s->room)
        return true;
    struct slot *slots = realloc(s->slots, room * sizeof *slots);
    if (slots == NULL)
        return false;
    s->slots = slots;
    int *batch = realloc(s->batch, room * sizeof *batch);
    if (batch == NULL)
        return false;
    s->batch = batch;
    memset(slots + s->room, 0, (room - (size_t)s->room) * sizeof *slots);
    s->room = (int)room;
    return true;
}

static bool is_registered(const struct selector *s, int fd)
{
    return fd >= 0 && fd < s->room && s->slots[fd].registered;
}

/* Have the kernel watch it for these events: a call only where they differ.
   To stop never fails: an fd that the kernel does not know has been closed. */
static int watch(struct selector *s, int fd, int events)
{
    struct selector_key *key = &s->slots[fd].key;
    if (events != key->events &&
        s->backend->change(s, fd, key->events, events) < 0 && events != 0)
        return -1;
    key->events = events;
    if (fd > s->highest)
        s->highest = fd;
    while (s->highest >= 0 && s->slots[s->highest].key.events == 0)
        s->highest--;
    return 0;
}

/* Returns -1, for this reason. */
static int refuse(int reason)
{
    errno = reason;
    return -1;
}

int selector_register(struct selector *s, int fd, int events,
                      selector_callback *callback, void *data)
{
    if (is_registered(s, fd))
        return refuse(EEXIST);
    if (fcntl(fd, F_GETFD) < 0) /* poll() and select() would tell too late */
        return -1;
    if (!make_room(s, fd))
        return refuse(ENOMEM);
    s->slots[fd].registered = true;
    if (selector_modify(s, fd, events, callback, data) == 0)
        return 0;
    s->slots[fd].registered = false;
    return -1;
}

int selector_modify(struct selector *s, int fd, int events,
                    selector_callback *callback, void *data)
{
    if (!is_registered(s, fd))
        return refuse(ENOENT);
    if ((events & ~(SELECTOR_READ | SELECTOR_WRITE)) != 0)
        return refuse(EINVAL);
    if (watch(s, fd, events) < 0)
        return -1;
    s->slots[fd].key = (struct selector_key){ fd, events, callback, data };
    return 0;
}

/* Whatever was to be told of it goes with its slot. */
int selector_unregister(struct selector *s, int fd)
{
    if (!is_registered(s, fd))
        return refuse(ENOENT);
    watch(s, fd, 0);
    s->slots[fd] = (struct slot){ .registered = false };
    return 0;
}

int selector_select(struct selector *s, int timeout_ms)
{
    while (s->told < s->batch_size)
        s->slots[s->batch[s->told++]].ready = 0;
    s->told = s->batch_size = 0;
    if (s->backend->wait(s, timeout_ms) < 0 && errno != EINTR)
        return -1;
    return s->batch_size;
}

int selector_next(struct selector *s, struct selector_key *key)
{
    while (s->told < s->batch_size) {
        struct slot *slot = &s->slots[s->batch[s->told++]];
        int ready = slot->ready & slot->key.events;
        slot->ready = 0;
        if (ready != 0) {
            *key = slot->key;
            return ready;
        }
    }
    return 0;
}
