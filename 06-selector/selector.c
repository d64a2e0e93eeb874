/*
 * selector: one interface over epoll, kqueue, poll and select. selector.h says
 * what it does.
 *
 * This file has what all backends share: it keeps the keys, and makes no
 * system call of a backend. Look at selector_next(), then at a backend, such
 * as selector-poll.c: it does what the server of lesson 04 does by hand.
 * The notes: 通用写法 (Selector), selectors 模块.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "selector-backend.h"
#include "selector.h"

/* What the selector knows of an fd. The events that it is ready for are kept
   here and not in a list, so selector_unregister() removes them as well. */
struct slot {
    struct selector_key key;
    bool registered;
    int ready; /* events that selector_next() has not returned yet */
};

struct selector {
    const struct backend *backend;
    struct interest_list *list; /* the backend's */
    struct slot *slots;         /* by fd */
    struct ready_fd *ready;     /* what the last wait found: ... */
    int ready_count;            /* ... so many fds, of which ... */
    int next;                   /* ... selector_next() returns this one next */
    int size;                   /* entries of slots, and of ready */
    int highest_fd;             /* with events other than 0, or -1 */
};

/* The best first. (Python has kqueue first; no system has both.) */
static const struct backend *const backends[] = {
    &epoll_backend, &kqueue_backend, &poll_backend, &select_backend
};

enum { BACKENDS = sizeof backends / sizeof backends[0] };

const char *selector_backend_at(int rank)
{
    for (int i = 0; i < BACKENDS && rank >= 0; i++)
        if (backends[i]->name != NULL && rank-- == 0)
            return backends[i]->name;
    return NULL;
}

/* The tables get an entry for fd. False: there is no memory. */
static bool make_room(struct selector *s, int fd)
{
    size_t size = s->size > 0 ? (size_t)s->size : BACKEND_BATCH;
    while (size <= (size_t)fd)
        size *= 2;
    if (size == (size_t)s->size)
        return true;
    struct slot *slots = realloc(s->slots, size * sizeof *slots);
    if (slots == NULL)
        return false;
    s->slots = slots;
    struct ready_fd *ready = realloc(s->ready, size * sizeof *ready);
    if (ready == NULL)
        return false;
    s->ready = ready;
    memset(slots + s->size, 0, (size - (size_t)s->size) * sizeof *slots);
    s->size = (int)size;
    return true;
}

/* An interest list of the backend with this name; with NULL, of the best one
   that the kernel can open now. False: there is none, see errno. */
static bool open_backend(struct selector *s, const char *name)
{
    errno = EINVAL; /* no backend of this name, unless open() fails */
    for (int i = 0; i < BACKENDS && s->list == NULL; i++) {
        s->backend = backends[i];
        if (backends[i]->name != NULL &&
            (name == NULL || strcmp(name, backends[i]->name) == 0))
            s->list = backends[i]->open();
    }
    return s->list != NULL;
}

struct selector *selector_open(const char *backend)
{
    struct selector *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->highest_fd = -1;
    if (open_backend(s, backend) && make_room(s, 0))
        return s;
    int reason = errno;
    selector_close(s);
    errno = reason;
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
    if (s->list != NULL)
        s->backend->close(s->list);
    free(s->slots);
    free(s->ready);
    free(s);
}

static bool is_registered(const struct selector *s, int fd)
{
    return fd >= 0 && fd < s->size && s->slots[fd].registered;
}

/* Tell the backend which events to watch fd for, if they change. To stop
   never fails: if the kernel does not know the fd, the program closed it. */
static int watch(struct selector *s, int fd, int events)
{
    struct selector_key *key = &s->slots[fd].key;
    if (events != key->events && events != 0 &&
        s->backend->change(s->list, fd, key->events, events) < 0)
        return -1;
    if (events == 0 && key->events != 0)
        s->backend->change(s->list, fd, key->events, 0);
    key->events = events;
    if (events != 0 && fd > s->highest_fd)
        s->highest_fd = fd;
    while (s->highest_fd >= 0 && s->slots[s->highest_fd].key.events == 0)
        s->highest_fd--;
    return 0;
}

static int fail(int reason)
{
    errno = reason;
    return -1;
}

int selector_register(struct selector *s, int fd, int events,
                      selector_callback *callback, void *data)
{
    if (is_registered(s, fd))
        return fail(EEXIST);
    if (fcntl(fd, F_GETFD) < 0) /* poll and select would not check it here */
        return -1;
    if (!make_room(s, fd))
        return fail(ENOMEM);
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
        return fail(ENOENT);
    if ((events & ~(SELECTOR_READ | SELECTOR_WRITE)) != 0)
        return fail(EINVAL);
    if (watch(s, fd, events) < 0)
        return -1;
    s->slots[fd].key = (struct selector_key){ fd, events, callback, data };
    return 0;
}

int selector_unregister(struct selector *s, int fd)
{
    if (!is_registered(s, fd))
        return fail(ENOENT);
    watch(s, fd, 0);
    s->slots[fd] = (struct slot){ .registered = false };
    return 0;
}

/* Drop the ready fds that selector_next() has not returned. */
static void drop_ready(struct selector *s)
{
    while (s->next < s->ready_count)
        s->slots[s->ready[s->next++].fd].ready = 0;
    s->next = s->ready_count = 0;
}

/* The backend found this fd ready. It can find an fd twice (kqueue, once for
   each event), or after the program has closed it (epoll). */
static void add_ready(struct selector *s, struct ready_fd found)
{
    struct slot *slot = &s->slots[found.fd];
    int events = found.events & slot->key.events;
    if (slot->ready == 0 && events != 0)
        s->ready[s->ready_count++] = found;
    slot->ready |= events;
}

int selector_select(struct selector *s, int timeout_ms)
{
    drop_ready(s);
    int n = s->backend->wait(s->list, s->highest_fd, timeout_ms, s->ready);
    if (n < 0 && errno != EINTR)
        return -1;
    for (int i = 0; i < n; i++)
        add_ready(s, s->ready[i]); /* it writes at i at most: never ahead */
    return s->ready_count;
}

int selector_next(struct selector *s, struct selector_key *key)
{
    while (s->next < s->ready_count) {
        struct slot *slot = &s->slots[s->ready[s->next++].fd];
        int ready = slot->ready & slot->key.events;
        slot->ready = 0;
        if (ready != 0) {
            *key = slot->key;
            return ready;
        }
    }
    return 0;
}
