/*
 * 05g-shared: two threads sleep in epoll_wait(); who is told of one event?
 *
 *     make 05g    or: 05-epoll/steps/05g-shared
 *
 * Nobody reads what has come: so it is while a thread that was told is still
 * on its way to it. Look at "edge": one is told, as it should be; then comes a
 * second byte, and both are at the same socket. ONESHOT tells one, and nobody
 * else before MOD. EXCLUSIVE is for an epoll per thread (or process), all of
 * which watch one listener: not all of them are woken for one client.
 * The notes: (3)epoll简介, "thread-safe at last". So is each call of all three
 * kinds; what is left to us is that one event be one thread's work.
 *
 *     Threads told, of 2                    a byte     another        MOD
 *     both at one epoll
 *       level                                    2          2          2
 *       edge                                     1          2          2
 *       ONESHOT                                  1          1          2
 */
#ifndef __linux__
#error "05-epoll needs Linux; the lessons before it work on other systems too"
#endif
#define _GNU_SOURCE /* syscall() */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 2 };

static struct worker {
    pthread_t thread;
    int epoll_fd;
    atomic_int tid; /* the kernel's number of the thread; 0: not yet there */
    atomic_bool told;
} workers[THREADS];

static void *wait_once(void *argument)
{
    struct worker *w = argument;
    struct epoll_event event;
    w->tid = (int)syscall(SYS_gettid);
    while (epoll_wait(w->epoll_fd, &event, 1, -1) < 0)
        if (errno != EINTR)
            err(1, "epoll_wait");
    w->told = true; /* and from now on it is busy with the event */
    return NULL;
}

/* Does the kernel say that it sleeps? There is but one place where it does. */
static bool asleep(const struct worker *w)
{
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", w->tid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    if (file != NULL)
        fclose(file);
    return state == 'S';
}

/* How many are told, once each thread is told or asleep. Who is to be woken is
   no longer asleep when write(), or the thread told before it, has returned:
   so this need not wait for something that may or may not come. */
static int told(void)
{
    for (;; sched_yield()) {
        int before = 0, sleeping = 0, after = 0;
        for (int i = 0; i < THREADS; i++)
            before += workers[i].told;
        for (int i = 0; i < THREADS; i++)
            sleeping += !workers[i].told && asleep(&workers[i]);
        for (int i = 0; i < THREADS; i++)
            after += workers[i].told;
        if (before == after && after + sleeping == THREADS)
            return after;
    }
}

static int new_epoll(void)
{
    int epoll_fd = epoll_create1(0);
    if (epoll_fd < 0)
        err(1, "epoll_create1");
    return epoll_fd;
}

/* Two threads, at one epoll or at one each, and one pipe. They are asleep
   when it is ADDed: a wait under way takes note of that, too. */
static void row(const char *what, bool shared, uint32_t events)
{
    int ends[2];
    struct epoll_event event = { .events = EPOLLIN | events };
    if (pipe(ends) < 0)
        err(1, "pipe");
    for (int i = 0; i < THREADS; i++) {
        struct worker *w = &workers[i];
        w->epoll_fd = shared && i > 0 ? workers[0].epoll_fd : new_epoll();
        w->told = false;
        w->tid = 0;
        if ((errno = pthread_create(&w->thread, NULL, wait_once, w)) != 0)
            err(1, "pthread_create");
    }
    told(); /* nobody: both are asleep */
    for (int i = 0; i < (shared ? 1 : THREADS); i++)
        if (epoll_ctl(workers[i].epoll_fd, EPOLL_CTL_ADD, ends[0],
                      &event) < 0)
            err(1, "epoll_ctl");

    printf("  %-31s", what);
    for (int i = 0; i < 2; i++) {
        if (write(ends[1], "x", 1) != 1)
            err(1, "write");
        printf("%11d", told());
    }
    if (epoll_ctl(workers[0].epoll_fd, EPOLL_CTL_MOD, ends[0], &event) < 0)
        printf("   %s\n", strerror(errno));
    else
        printf("%11d\n", told());

    for (int i = 0; i < THREADS; i++) {
        pthread_cancel(workers[i].thread); /* who is still in epoll_wait() */
        pthread_join(workers[i].thread, NULL);
    }
    for (int i = 0; i < (shared ? 1 : THREADS); i++)
        close(workers[i].epoll_fd);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    if (access("/proc/self/task", R_OK) < 0)
        err(1, "/proc/self/task, to see who sleeps");
    printf("%-33s%11s%11s%11s\n", "Threads told, of 2", "a byte",
           "another", "MOD");
    puts("both at one epoll");
    row("level", true, 0);
    row("edge", true, EPOLLET);
    row("ONESHOT", true, EPOLLONESHOT);
    puts("each at an epoll of its own");
    row("level", false, 0);
    row("edge", false, EPOLLET);
    row("EXCLUSIVE", false, EPOLLEXCLUSIVE);
}
