/*
 * 05g-shared: two threads in epoll_wait(); which one does an event wake?
 *
 *     make 05g    or: 05-epoll/steps/05g-shared
 *
 * Question: Two threads wait for one socket, edge-triggered. A byte comes, no
 * thread reads it, and one more byte comes. How many threads has this woken?
 * No thread reads the byte: a thread that an event has woken is still at
 * work. Look at "edge": the first byte wakes one thread, as it should. The
 * second byte wakes the other one, and now both work on the same socket.
 * ONESHOT wakes one thread, and no other before MOD. EXCLUSIVE is for threads
 * (or processes) that have an epoll each and all watch one listener: one
 * client need not wake all of them.
 * The notes: (3)epoll简介, "thread-safe at last". The calls of select, poll and
 * epoll are all thread-safe. The program must give each event to one thread.
 *
 *     Threads woken, of 2                   a byte     another        MOD
 *     both use one epoll
 *       edge                                     1          2          2
 *       ONESHOT                                  1          1          2
 */
#include "step.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { THREADS = 2 };

static struct worker {
    pthread_t thread;
    int epoll_fd;
    atomic_int tid; /* the thread's id in the kernel; 0: not started yet */
    atomic_bool awake;
} workers[THREADS];

static void *wait_once(void *argument)
{
    struct worker *w = argument;
    struct epoll_event event;
    w->tid = (int)syscall(SYS_gettid);
    while (epoll_wait(w->epoll_fd, &event, 1, -1) < 0)
        if (errno != EINTR)
            err(1, "epoll_wait");
    w->awake = true; /* from now on it is busy with the event */
    return NULL;
}

/* Does the kernel say that the thread sleeps? It sleeps in epoll_wait() and
   nowhere else. */
static bool is_asleep(const struct worker *w)
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

static int count_awake(void)
{
    int n = 0;
    for (int i = 0; i < THREADS; i++)
        n += workers[i].awake;
    return n;
}

/* Wait until each thread is awake or asleep, and return how many are awake.
   There is no need for a timeout: when write() returns, the kernel has already
   made the threads runnable that it wakes, so they do not count as asleep. */
static int wait_and_count(void)
{
    for (;; sched_yield()) {
        int first = count_awake(), sleeping = 0;
        for (int i = 0; i < THREADS; i++)
            sleeping += !workers[i].awake && is_asleep(&workers[i]);
        if (first == count_awake() && first + sleeping == THREADS)
            return first;
    }
}

/* Start the threads, with one epoll or with one each. Return when both are
   asleep. */
static void start_threads(bool shared)
{
    for (int i = 0; i < THREADS; i++) {
        struct worker *w = &workers[i];
        w->epoll_fd = shared && i > 0 ? workers[0].epoll_fd : open_epoll();
        w->awake = false;
        w->tid = 0;
        if ((errno = pthread_create(&w->thread, NULL, wait_once, w)) != 0)
            err(1, "pthread_create");
    }
    wait_and_count();
}

static void end_threads(bool shared)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_cancel(workers[i].thread); /* if it is in epoll_wait() */
        pthread_join(workers[i].thread, NULL);
    }
    for (int i = 0; i < (shared ? 1 : THREADS); i++)
        close(workers[i].epoll_fd);
}

/* Write a byte, write another one, call MOD. Print how many threads are awake
   after each. The threads sleep already when ADD is called: epoll_wait() takes
   note of a change while it sleeps. */
static void print_row(const char *mode, bool shared, uint32_t events)
{
    int ends[2];
    check(pipe(ends), "pipe");
    events |= EPOLLIN;
    start_threads(shared);
    for (int i = 0; i < (shared ? 1 : THREADS); i++)
        if (!watch_fd(workers[i].epoll_fd, EPOLL_CTL_ADD, ends[0], events))
            err(1, "epoll_ctl");

    printf("  %-31s", mode);
    for (int i = 0; i < 2; i++) {
        check(write(ends[1], "x", 1), "write");
        printf("%11d", wait_and_count());
    }
    if (watch_fd(workers[0].epoll_fd, EPOLL_CTL_MOD, ends[0], events))
        printf("%11d\n", wait_and_count());
    else
        printf("   %s\n", strerror(errno));

    end_threads(shared);
    close(ends[0]);
    close(ends[1]);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    check(access("/proc/self/task", R_OK), "/proc/self/task");
    printf("%-33s%11s%11s%11s\n", "Threads woken, of 2", "a byte", "another",
           "MOD");
    puts("both use one epoll");
    print_row("level", true, 0);
    print_row("edge", true, EPOLLET);
    print_row("ONESHOT", true, EPOLLONESHOT);
    puts("each has an epoll of its own");
    print_row("level", false, 0);
    print_row("edge", false, EPOLLET);
    print_row("EXCLUSIVE", false, EPOLLEXCLUSIVE);
}
