/*
 * selector: one interface and four backends: epoll, kqueue, poll and select.
 * selector.h says what each function does.
 *
 * This file is the part that all backends share. It keeps the keys; only the
 * backends call epoll_wait(), kevent(), poll() and select(). Look at
 * selector_next(), then at a backend, such as selector-poll.c: the backend
 * does what the server of lesson 04 does by hand.
 * The notes: 通用写法 (Selector), selectors 模块.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "selector-backend.h"
#include "selector.h"

/* What the selector keeps for an fd. The events that the fd is ready for are
   here, and not in a list of their own, so selector_unregister() deletes them
   together with the key. */
struct slot {
    struct selector_key key;
    bool registered;
    int ready; /* events that selector_next() has not returned yet */
};

struct selector {
    const struct backend *backend;
    struct interest_list *list; /* the backend's */
    struct slot *slots;         /* slots[fd] */
    struct ready_fd *found;     /* the ready fds that the last wait found */
    int found_count;            /* how many */
    int next;                   /* selector_next() goes on at found[next] */
    int size;                   /* of the arrays slots and found: entries */
    int highest_fd;             /* the highest one with events, or -1 */
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

/* Make the arrays long enough for fd. Returns false if there is no memory. */
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
    struct ready_fd *found = realloc(s->found, size * sizeof *found);
    if (found == NULL)
        return false;
    s->found = found;
    memset(slots + s->size, 0, (size - (size_t)s->size) * sizeof *slots);
    s->size = (int)size;
    return true;
}

/* Choose the backend with this name, and open its interest list; with NULL,
   the best one that the kernel can open now. Returns false after an error, and
   sets errno. */
static bool open_backend(struct selector *s, const char *name)
{
    errno = EINVAL; /* it stays so if no backend has this name */
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
    free(s->found);
    free(s);
}

static bool is_registered(const struct selector *s, int fd)
{
    return fd >= 0 && fd < s->size && s->slots[fd].registered;
}

/* Have the backend watch fd for these events, if they differ from those
   before. To watch for nothing never fails: if the kernel does not know fd any
   more, the program has closed it already. */
static int watch(struct selector *s, int fd, int events)
{
    struct selector_key *key = &s->slots[fd].key;
    if (events != key->events &&
        s->backend->change(s->list, fd, key->events, events) < 0 &&
        events != 0)
        return -1;
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
    if (fcntl(fd, F_GETFD) < 0) /* not open; poll and select do not check */
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
    while (s->next < s->found_count)
        s->slots[s->found[s->next++].fd].ready = 0;
    s->next = s->found_count = 0;
}

/* The backend has found this fd ready. It can find an fd twice (kqueue, once
   for each event), or after the program has closed it (epoll). */
static void add_ready(struct selector *s, struct ready_fd one)
{
    struct slot *slot = &s->slots[one.fd];
    int events = one.events & slot->key.events;
    if (slot->ready == 0 && events != 0)
        s->found[s->found_count++] = one;
    slot->ready |= events;
}

int selector_select(struct selector *s, int timeout_ms)
{
    drop_ready(s);
    int n = s->backend->wait(s->list, s->highest_fd, timeout_ms, s->found);
    if (n < 0 && errno != EINTR)
        return -1;
    for (int i = 0; i < n; i++)
        add_ready(s, s->found[i]); /* overwrites no entry after this one */
    return s->found_count;
}

/* Since the wait a callback may have unregistered or modified any fd. */
int selector_next(struct selector *s, struct selector_key *key)
{
    while (s->next < s->found_count) {
        struct slot *slot = &s->slots[s->found[s->next++].fd];
        int ready = slot->ready & slot->key.events;
        slot->ready = 0;
        if (ready != 0) {
            *key = slot->key;
            return ready;
        }
    }
    return 0;
}
