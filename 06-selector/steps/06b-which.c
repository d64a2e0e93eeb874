/*
 * 06b-which: which backends are here, in which order, and which one is taken.
 *
 *     make 06b    or: 06-selector/steps/06b-which
 *
 * Look at the last line: the best is the first that the kernel is willing to
 * open, now. epoll and kqueue need an fd for the list that they keep; poll and
 * select do not. The columns show what each one makes of two files that can
 * be read: a device without states, and a pipe with a high number.
 * The notes: 通用写法 (Selector), selectors 模块.
 *
 *     backend  here         /dev/null  fd 1024
 *     epoll    1, the best  EPERM      readable
 *     kqueue   -
 *     poll     2            readable   readable
 *     select   3            readable   ERANGE
 *
 *     selector_open(NULL): epoll
 *     ... without a free fd: poll
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "../selector.h"

/* Its number in the order, from 1; 0: it is not here. */
static int rank_of(const char *backend)
{
    const char *name;
    for (int i = 0; (name = selector_backend_at(i)) != NULL; i++)
        if (strcmp(name, backend) == 0)
            return i + 1;
    return 0;
}

/* What comes of the fd, which is ready to read, with this backend. */
static const char *try(const char *backend, int fd)
{
    struct selector_key key;
    struct selector *selector = selector_open(backend);
    const char *result = "watched, and not ready";
    if (selector == NULL)
        err(1, "%s", backend);
    if (selector_register(selector, fd, SELECTOR_READ, NULL, NULL) < 0)
        result = errno == EPERM ? "EPERM" : errno == ERANGE ? "ERANGE" :
                 strerror(errno);
    else if (selector_select(selector, 0) == 1 &&
             selector_next(selector, &key) == SELECTOR_READ && key.fd == fd)
        result = "readable";
    selector_close(selector);
    return result;
}

static void show_choice(const char *when)
{
    struct selector *selector = selector_open(NULL);
    if (selector == NULL)
        err(1, "selector_open");
    printf("%s: %s\n", when, selector_backend(selector));
    selector_close(selector);
}

int main(void)
{
    static const char *const names[] = { "epoll", "kqueue", "poll", "select" };
    struct rlimit limit;
    int null = open("/dev/null", O_RDONLY), ends[2];
    if (null < 0 || pipe(ends) < 0 || write(ends[1], "x", 1) != 1)
        err(1, "/dev/null and a pipe");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int high = fcntl(ends[0], F_DUPFD, FD_SETSIZE);

    printf("backend  here         /dev/null  fd %d\n", high);
    for (int i = 0; i < 4; i++) {
        int rank = rank_of(names[i]);
        if (rank == 0)
            printf("%-8s -\n", names[i]);
        else
            printf("%-8s %d%-11s %-10s %s\n", names[i], rank, rank == 1 ?
                   ", the best" : "", try(names[i], null), high < 0 ?
                   "(the limit is below)" : try(names[i], high));
    }
    show_choice("\nselector_open(NULL)");
    struct rlimit none = { .rlim_cur = 3, .rlim_max = limit.rlim_max };
    if (setrlimit(RLIMIT_NOFILE, &none) < 0)
        err(1, "setrlimit");
    show_choice("... without a free fd");
    setrlimit(RLIMIT_NOFILE, &limit);
    return 0;
}
