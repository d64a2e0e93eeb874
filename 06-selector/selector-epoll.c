/*
 * selector-epoll: the backend for epoll(7), the calls of lesson 05.
 * selector-backend.h says what each function does.
 *
 * Look at wait_for_events(): the kernel keeps the interest list, and the call
 * returns only the fds that are ready. Only Linux has epoll.
 */
#include <stdlib.h>
#include <unistd.h>

#include "selector-backend.h"

#ifdef __linux__
#include <sys/epoll.h>

struct interest_list {
    int kernel_fd; /* the fd of the list, which the kernel keeps */
};

static struct interest_list *open_list(void)
{
    int kernel_fd = epoll_create1(EPOLL_CLOEXEC);
    if (kernel_fd < 0)
        return NULL;
    struct interest_list *list = malloc(sizeof *list);
    if (list != NULL)
        list->kernel_fd = kernel_fd;
    else
        close(kernel_fd);
    return list;
}

static int change_events(struct interest_list *list, int fd, int old_events,
                         int new_events)
{
    struct epoll_event event = {
        .data.fd = fd,
        .events = (new_events & SELECTOR_READ ? EPOLLIN : 0) |
                  (new_events & SELECTOR_WRITE ? EPOLLOUT : 0),
    };
    int operation = old_events == 0 ? EPOLL_CTL_ADD :
                    new_events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return epoll_ctl(list->kernel_fd, operation, fd, &event);
}

/* EPOLLERR and EPOLLHUP count as both events. So each bit other than EPOLLOUT
   means readable, and each bit other than EPOLLIN means writable. */
static int wait_for_events(struct interest_list *list, int highest_fd,
                           int timeout_ms, struct ready_fd *ready)
{
    struct epoll_event events[BACKEND_BATCH];
    int n = epoll_wait(list->kernel_fd, events, BACKEND_BATCH, timeout_ms);
    (void)highest_fd;
    for (int i = 0; i < n; i++) {
        ready[i].fd = events[i].data.fd;
        ready[i].events = (events[i].events & ~EPOLLOUT ? SELECTOR_READ : 0) |
                          (events[i].events & ~EPOLLIN ? SELECTOR_WRITE : 0);
    }
    return n;
}

static void close_list(struct interest_list *list)
{
    close(list->kernel_fd);
    free(list);
}

const struct backend epoll_backend = {
    "epoll", open_list, change_events, wait_for_events, close_list
};
#else
const struct backend epoll_backend = { .name = NULL };
#endif
