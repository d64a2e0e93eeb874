/*
 * selector-select: the backend for select(2), the call of lesson 03.
 * selector-backend.h says what each function does.
 *
 * Look at wait_for_events(): the program keeps the interest list. It passes
 * the list to the kernel in each call, and then it looks at each fd in turn.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>

#include "selector-backend.h"

struct interest_list {
    fd_set readers, writers; /* a bit for each fd below FD_SETSIZE */
};

static struct interest_list *open_list(void)
{
    struct interest_list *list = malloc(sizeof *list);
    if (list != NULL) {
        FD_ZERO(&list->readers);
        FD_ZERO(&list->writers);
    }
    return list;
}

/* FD_SET() does not check fd. With an fd that is too high it would write to
   memory after the set. */
static int change_events(struct interest_list *list, int fd, int old_events,
                         int new_events)
{
    (void)old_events;
    if (fd >= FD_SETSIZE) {
        errno = ERANGE;
        return -1;
    }
    if (new_events & SELECTOR_READ)
        FD_SET(fd, &list->readers);
    else
        FD_CLR(fd, &list->readers);
    if (new_events & SELECTOR_WRITE)
        FD_SET(fd, &list->writers);
    else
        FD_CLR(fd, &list->writers);
    return 0;
}

/* select() overwrites its sets, so it gets copies. It returns a number of
   bits: an fd that is ready for both events counts twice. */
static int wait_for_events(struct interest_list *list, int highest_fd,
                           int timeout_ms, struct ready_fd *ready)
{
    fd_set readable = list->readers, writable = list->writers;
    struct timeval timeout = { .tv_sec = timeout_ms / 1000,
                               .tv_usec = timeout_ms % 1000 * 1000 };
    int n = select(highest_fd + 1, &readable, &writable, NULL,
                   timeout_ms < 0 ? NULL : &timeout);
    int found = 0;
    for (int fd = 0, bits = n; bits > 0; fd++) {
        int events = (FD_ISSET(fd, &readable) ? SELECTOR_READ : 0) |
                     (FD_ISSET(fd, &writable) ? SELECTOR_WRITE : 0);
        if (events != 0)
            ready[found++] = (struct ready_fd){ fd, events };
        bits -= events == (SELECTOR_READ | SELECTOR_WRITE) ? 2 : events != 0;
    }
    return n < 0 ? -1 : found;
}

static void close_list(struct interest_list *list)
{
    free(list);
}

const struct backend select_backend = {
    "select", open_list, change_events, wait_for_events, close_list
};
