/*
 * 06b-which: which backends the system has, and which one is the best.
 *
 *     make 06b    or: 06-selector/steps/06b-which
 *
 * Question: A process has no free fd left. Which backend can the selector
 * still open: epoll, poll, or neither of them?
 * Look at the last line: the best backend is the first one that the kernel can
 * open now. epoll and kqueue need an fd for their list; poll and select do
 * not. In the table, "here" is the place of the backend in the order. The next
 * columns show what it does with two fds that are readable: /dev/null, which
 * epoll cannot watch, and a pipe with a high number.
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
#include "../selector.h"
#include "step.h"
#include <sys/resource.h>
#include <sys/select.h>

/* The backend's place in the order, from 1. Returns 0 if it is not here. */
static int rank_of(const char *backend)
{
    const char *name;
    for (int i = 0; (name = selector_backend_at(i)) != NULL; i++)
        if (strcmp(name, backend) == 0)
            return i + 1;
    return 0;
}

/* What does this backend do with a readable fd? */
static const char *try_backend(const char *backend, int fd)
{
    struct selector_key key;
    struct selector *selector = selector_open(backend);
    const char *result = "not ready";
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

static void print_best(const char *when)
{
    struct selector *selector = selector_open(NULL);
    if (selector == NULL)
        err(1, "selector_open");
    printf("%s: %s\n", when, selector_backend(selector));
    selector_close(selector);
}

/* Limit the numbers of this process's fds, as far as the system allows. */
static void limit_fds(rlim_t below)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = below < limit.rlim_max ? below : limit.rlim_max;
    while (setrlimit(RLIMIT_NOFILE, &limit) < 0 && limit.rlim_cur > FD_SETSIZE)
        limit.rlim_cur /= 2; /* older macOS refuses RLIM_INFINITY */
}

int main(int argc, char **argv)
{
    static const char *const names[] = { "epoll", "kqueue", "poll", "select" };
    begin_step(argc, argv, "", "(no options)");
    int null = check(open("/dev/null", O_RDONLY), "/dev/null"), ends[2];
    check(pipe(ends), "pipe");
    check(write(ends[1], "x", 1), "write");
    limit_fds(RLIM_INFINITY);
    int high = fcntl(ends[0], F_DUPFD, FD_SETSIZE); /* -1: not allowed */

    printf("backend  here         /dev/null  fd %d\n", high);
    for (int i = 0; i < 4; i++) {
        int rank = rank_of(names[i]);
        if (rank == 0)
            printf("%-8s -\n", names[i]);
        else
            printf("%-8s %d%-11s %-10s %s\n", names[i], rank,
                   rank == 1 ? ", the best" : "", try_backend(names[i], null),
                   high < 0 ? "(no such fd)" : try_backend(names[i], high));
    }
    print_best("\nselector_open(NULL)");
    limit_fds(3); /* fds 0, 1 and 2 are open already */
    print_best("... without a free fd");
}
