/*
 * selector-kqueue: the backend for kqueue(2), which macOS and the BSDs have.
 * selector-backend.h says what each function does.
 *
 * Look at wait_for_events(): the kernel keeps the interest list, and the call
 * returns only the fds that are ready. The same call, kevent(), also changes
 * the list. On Linux the library libkqueue has both calls:
 *
 *     cc -DSELECTOR_KQUEUE ... -lkqueue
 */
#include <stdlib.h>
#include <unistd.h>

#include "selector-backend.h"

#if defined SELECTOR_KQUEUE || defined __APPLE__ || defined __FreeBSD__ || \
    defined __NetBSD__ || defined __OpenBSD__ || defined __DragonFly__
#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>

struct interest_list {
    int kernel_fd; /* the fd of the list, which the kernel keeps */
};

static struct interest_list *open_list(void)
{
    int kernel_fd = kqueue();
    if (kernel_fd < 0)
        return NULL;
    fcntl(kernel_fd, F_SETFD, FD_CLOEXEC);
    struct interest_list *list = malloc(sizeof *list);
    if (list != NULL)
        list->kernel_fd = kernel_fd;
    else
        close(kernel_fd);
    return list;
}

/* In kqueue's list each event of an fd is an entry of its own, a filter. So
   there are up to two changes. If the kernel refuses the second one, undo the
   first: EV_ADD becomes EV_DELETE, and EV_DELETE becomes EV_ADD. */
static int change_events(struct interest_list *list, int fd, int old_events,
                         int new_events)
{
    struct kevent changes[2];
    int n = 0;
    if ((old_events ^ new_events) & SELECTOR_READ)
        EV_SET(&changes[n++], fd, EVFILT_READ,
               new_events & SELECTOR_READ ? EV_ADD : EV_DELETE, 0, 0, 0);
    if ((old_events ^ new_events) & SELECTOR_WRITE)
        EV_SET(&changes[n++], fd, EVFILT_WRITE,
               new_events & SELECTOR_WRITE ? EV_ADD : EV_DELETE, 0, 0, 0);
    if (kevent(list->kernel_fd, changes, n, NULL, 0, NULL) == 0)
        return 0;
    int reason = errno;
    for (int i = 0; i < n; i++)
        changes[i].flags ^= EV_ADD ^ EV_DELETE;
    kevent(list->kernel_fd, changes, n, NULL, 0, NULL);
    errno = reason;
    return -1;
}

/* An fd that is ready for both events has two entries in ready[]. */
static int wait_for_events(struct interest_list *list, int highest_fd,
                           int timeout_ms, struct ready_fd *ready)
{
    struct kevent events[BACKEND_BATCH];
    struct timespec timeout = { .tv_sec = timeout_ms / 1000,
                                .tv_nsec = timeout_ms % 1000 * 1000000L };
    int n = kevent(list->kernel_fd, NULL, 0, events, BACKEND_BATCH,
                   timeout_ms < 0 ? NULL : &timeout);
    (void)highest_fd;
    for (int i = 0; i < n; i++) {
        ready[i].fd = (int)events[i].ident;
        ready[i].events = events[i].filter == EVFILT_READ ? SELECTOR_READ :
                                                            SELECTOR_WRITE;
    }
    return n;
}

static void close_list(struct interest_list *list)
{
    close(list->kernel_fd);
    free(list);
}

const struct backend kqueue_backend = {
    "kqueue", open_list, change_events, wait_for_events, close_list
};
#else
const struct backend kqueue_backend = { .name = NULL };
#endif
