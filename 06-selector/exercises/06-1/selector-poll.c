/*
 * selector-poll: the backend for poll(2), the call of lesson 04.
 * selector-backend.h says what each function does.
 *
 * Look at wait_for_events(): the program keeps the interest list. It passes
 * the list to the kernel in each call, and then it looks at each fd in turn.
 */
#include <err.h>
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
    (void)list, (void)fd, (void)old_events, (void)new_events;
    (void)make_room; /* this is yours to call */
    static int todo = 1; /* TODO 06-1: your lines, in place of these */
    if (todo)
        warnx("TODO 06-1: "
              "put fd into the list with its new events, or take it out");
    todo = 0;
    return 0;
}

/* POLLERR, POLLHUP and POLLNVAL count as both events. So each bit other than
   POLLOUT means readable, and each bit other than POLLIN means writable. */
static int wait_for_events(struct interest_list *list, int highest_fd,
                           int timeout_ms, struct ready_fd *ready)
{
    (void)list, (void)highest_fd, (void)ready;
    static int todo = 1; /* TODO 06-1: your lines, in place of these */
    if (todo)
        warnx("TODO 06-1: "
              "call poll() with the list, and write the ready fds to ready[]");
    todo = 0;
    return poll(NULL, 0, timeout_ms); /* it sleeps, and watches nothing */
}

static void close_list(struct interest_list *list)
{
    free(list->entries);
    free(list);
}

const struct backend poll_backend = {
    "poll", open_list, change_events, wait_for_events, close_list
};
