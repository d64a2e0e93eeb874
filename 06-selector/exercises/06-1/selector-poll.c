/*
 * selector-poll: the backend for poll(2), the call of lesson 04.
 * selector-backend.h says what each function does.
 *
 * Look at wait_for_events(): the program keeps the interest list. It passes
 * the list to the kernel in each call, and then it looks at each fd in turn.
 */
#include <poll.h>
#include <stdlib.h>

#include "selector-backend.h"

struct interest_list {
    struct pollfd *entries; /* by fd; poll(2) ignores those with .fd == -1 */
    int size;               /* how many; all fds in the list are below this */
};

static struct interest_list *open_list(void)
{
    return calloc(1, sizeof(struct interest_list));
}

/* Make the array long enough for fd. Returns -1 if there is no memory. */
static int make_room(struct interest_list *list, int fd)
{
    int size = list->size > 0 ? list->size : BACKEND_BATCH;
    while (size <= fd)
        size *= 2;
    struct pollfd *entries = realloc(list->entries,
                                     (size_t)size * sizeof *entries);
    if (entries == NULL)
        return -1;
    list->entries = entries;
    while (list->size < size)
        entries[list->size++].fd = -1;
    return 0;
}

static int change_events(struct interest_list *list, int fd, int old_events,
                         int new_events)
{
    (void)old_events;
    if (fd >= list->size && make_room(list, fd) < 0)
        return -1;
    struct pollfd *entry = &list->entries[fd];
    entry->fd = new_events == 0 ? -1 : fd;
    entry->events = (short)((new_events & SELECTOR_READ ? POLLIN : 0) |
                            (new_events & SELECTOR_WRITE ? POLLOUT : 0));
    return 0;
}

/* POLLERR, POLLHUP and POLLNVAL count as both events. So each bit other than
   POLLOUT means readable, and each bit other than POLLIN means writable. */
static int wait_for_events(struct interest_list *list, int highest_fd,
                           int timeout_ms, struct ready_fd *ready)
{
    int n = poll(list->entries, (nfds_t)(highest_fd + 1), timeout_ms);
    int found = 0;
    for (int fd = 0; found < n; fd++) {
        int revents = list->entries[fd].revents;
        int events = (revents & ~POLLOUT ? SELECTOR_READ : 0) |
                     (revents & ~POLLIN ? SELECTOR_WRITE : 0);
        if (events != 0)
            ready[found++] = (struct ready_fd){ fd, events };
    }
    return n;
}

static void close_list(struct interest_list *list)
{
    free(list->entries);
    free(list);
}

const struct backend poll_backend = {
    "poll", open_list, change_events, wait_for_events, close_list
};
