/*
 * 05h-io-uring: completion instead of readiness. Model 6 of 6: io_uring.
 *
 *     make 05h           run it (05-epoll/steps/05h-io-uring 1: one part)
 *     make models        draw it beside the other five, as they ran
 *
 * Part 1 is the task of 01h (make diff-01h-05h shows the model). A call hands
 * in the recv() and returns at once. epoll says: you may read now. io_uring
 * says: you have it. The bytes are in the buffer, and we never called recv().
 * Part 2 shows the two queues. Four operations go in by one call and come back
 * in another order, so each bears a name; one fails, and that comes back too.
 * Where io_uring is forbidden, one line says why (exit 77).
 * The notes: 四 .Asynchronous I/O(异步IO). No signal comes: a queue fills.
 *
 *      300.2 ms  the message: "hello"
 *     io_uring: 5 requests answered, 5 before the message came
 *
 *                                    submissions    completions
 *                                     head  tail     head  tail
 *     4 entries are written              0     4        0     0
 *     io_uring_enter() hands them in     4     4        0     1
 *     Bob sends                          4     4        0     2
 */
#ifndef __linux__
#error "05-epoll needs Linux; the lessons before it work on other systems too"
#endif
#define _GNU_SOURCE /* syscall() */
#include <err.h>
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif
#ifndef IORING_FEAT_FAST_POLL
int main(void)
{
    errx(77, "compiled without the headers of Linux 5.7");
}
#else
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE = 300,                       /* ms: when it comes */
    FIRST = 20, EVERY = 50, LAST = 220,  /* ms: when requests come */
    NO_MORE = 250,                       /* ms: when their sender closes */
    WORK = 15,                           /* ms: what each of them takes */
};

static int message, requests; /* sockets: what comes late, and who waits */
static char text[100];        /* the message */
static double began;          /* ms */
static int answered, before;  /* requests: all, and before the message */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6 - began;
}

static void sleep_until(double ms)
{
    double left = ms - now();
    if (left > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)(left * 1e6) }, NULL);
}

/* Another process, which sends it all, and ends. */
static void start_sender(void)
{
    int m[2], r[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, m) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, r) < 0)
        err(1, "socketpair");
    signal(SIGCHLD, SIG_IGN); /* its end is to interrupt nobody */
    began = now();
    pid_t sender = fork();
    if (sender < 0)
        err(1, "fork");
    message = m[sender == 0];
    requests = r[sender == 0];
    close(m[sender != 0]);
    close(r[sender != 0]);
    if (sender > 0)
        return;
    for (int ms = FIRST; ms <= LAST; ms += EVERY) {
        sleep_until(ms);
        send(requests, &ms, sizeof ms, 0);
    }
    sleep_until(NO_MORE);
    close(requests);
    sleep_until(MESSAGE);
    send(message, "hello", 5, 0);
    _exit(0);
}

/* The other work: a request that was sent at ASKED. */
static void answer(int asked)
{
    double waited = now() - asked;
    for (double end = now() + WORK; now() < end;)
        continue;
    printf("%7.1f ms  the request of %3d ms is answered; it waited %.1f ms\n",
           now(), asked, waited);
    answered++;
    before += text[0] == '\0';
}

static void tell_message(void)
{
    if (text[0] == '\0')
        errx(1, "the sender has gone without a word");
    printf("%7.1f ms  the message: \"%s\"\n", now(), text);
}

/*
 * Two queues in memory that we share with the kernel: submissions (sq), what
 * is to be done, and completions (cq), what has been done. They are filled at
 * the tail and emptied at the head. Both numbers only grow; & mask makes a
 * place of them. Each has one writer, so nobody needs a lock: we write sq_tail
 * and cq_head, the kernel sq_head and cq_tail.
 *
 * But the other side may look at any moment, from another CPU. Release: who
 * sees the new number sees all that was written before it. Acquire: what we
 * read after it is no older than it. Without them compiler or CPU may swap
 * the two, and an entry is read before it is whole.
 */
static struct {
    int fd; /* for the calls; each pointer leads into the shared memory */
    atomic_uint *sq_head, *sq_tail, *cq_head, *cq_tail;
    unsigned sq_mask, cq_mask;
    unsigned *sq;               /* which entry, by its place in ... */
    struct io_uring_sqe *asked; /* ... these: an operation each */
    struct io_uring_cqe *cq;    /* whose it is, and what came of it */
} ring;
static int calls; /* of io_uring_enter() */

enum { ENTRIES = 4 }; /* a power of 2, so small that a page holds them all */

/* What the system does not give us is no error of ours: exit 77. */
static void tell_why(void)
{
    int why = errno;
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "r");
    int off = file != NULL ? getc(file) : '0'; /* Linux 6.6 or later */
    const char *help = why == ENOSYS ? ": not in this kernel; run it elsewhere"
                     : why != EPERM ? ""
                     : off != '0' ? ": by kernel.io_uring_disabled; ask root"
                     : ": by a seccomp filter; run it outside the container";
    errx(*help != '\0' ? 77 : 1, "io_uring_setup: %s%s", strerror(why), help);
}

static void *map(off_t what)
{
    int rights = PROT_READ | PROT_WRITE;
    void *at = mmap(NULL, 4096, rights, MAP_SHARED, ring.fd, what);
    if (at == MAP_FAILED)
        err(1, "mmap");
    return at;
}

static void open_ring(void)
{
    struct io_uring_params p = { 0 }; /* the kernel tells what is where */
    ring.fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &p);
    if (ring.fd < 0)
        tell_why();
    if (!(p.features & IORING_FEAT_FAST_POLL))
        errx(77, "io_uring: Linux before 5.7 waits for a socket in a thread");
    char *queues = map(IORING_OFF_SQ_RING);
    ring.sq_head = (void *)(queues + p.sq_off.head);
    ring.sq_tail = (void *)(queues + p.sq_off.tail);
    ring.sq_mask = p.sq_entries - 1;
    ring.sq = (void *)(queues + p.sq_off.array);
    ring.asked = map(IORING_OFF_SQES);
    ring.cq_head = (void *)(queues + p.cq_off.head);
    ring.cq_tail = (void *)(queues + p.cq_off.tail);
    ring.cq_mask = p.cq_entries - 1;
    ring.cq = (void *)(queues + p.cq_off.cqes);
}

/* Write an entry for a place that is free: recv() from FD. No call, yet.
 * BYTES are the kernel's until the completion that has this user_data. */
static void put_recv(int fd, void *bytes, unsigned size, unsigned user_data)
{
    unsigned tail = atomic_load_explicit(ring.sq_tail, memory_order_relaxed);
    unsigned place = tail & ring.sq_mask;
    ring.asked[place] = (struct io_uring_sqe){
        .opcode = IORING_OP_RECV, .fd = fd, .addr = (uintptr_t)bytes,
        .len = size, .user_data = user_data,
    };
    ring.sq[place] = place;
    atomic_store_explicit(ring.sq_tail, tail + 1, memory_order_release);
}

/* The one call: hand in SUBMIT entries, and sleep for WAIT completions. */
static void enter(unsigned submit, unsigned wait)
{
    calls++;
    long n = syscall(__NR_io_uring_enter, ring.fd, submit, wait,
                     wait > 0 ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
    if (n != (long)submit && errno != EINTR) /* a signal: take() asks again */
        err(1, "io_uring_enter");
}

/* Take a completion: its result, a number or -errno. No call, if it is there:
 * the kernel has written the bytes, then the entry, then the tail. */
static int take(unsigned *user_data)
{
    unsigned head = atomic_load_explicit(ring.cq_head, memory_order_relaxed);
    while (head == atomic_load_explicit(ring.cq_tail, memory_order_acquire))
        enter(0, 1);
    struct io_uring_cqe *done = &ring.cq[head & ring.cq_mask];
    int result = done->res;
    *user_data = (unsigned)done->user_data;
    atomic_store_explicit(ring.cq_head, head + 1, memory_order_release);
    return result; /* the place may be filled again */
}

static void late(void)
{
    unsigned whose;
    open_ring();
    start_sender();

    put_recv(message, text, sizeof text - 1, 0);
    enter(1, 0); /* returns at once */
    for (int asked; recv(requests, &asked, sizeof asked, 0) > 0;)
        answer(asked);
    int n = take(&whose); /* nothing else to do: asleep */
    if (n < 0)
        errx(1, "recv: %s", strerror(-n));
    tell_message(); /* and nobody has called recv() for it */

    printf("io_uring: %d requests answered, %d before the message came\n",
           answered, before);
}

static void tell_queues(const char *who, const char *what)
{
    printf("%s%-*s %4u %5u %8u %5u\n", who, 30 - (int)strlen(who), what,
           *ring.sq_head, *ring.sq_tail, *ring.cq_head, *ring.cq_tail);
}

static void queues(void)
{
    static const char *name[] = { "Anna", "Bob", "Carla", "fd -1" };
    static char bytes[4][10];
    int pair[3][2];
    open_ring();
    calls = 0;
    puts("                               submissions    completions\n"
         "                                head  tail     head  tail");
    for (unsigned i = 0; i < 3; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]) < 0)
            err(1, "socketpair");
        put_recv(pair[i][0], bytes[i], 9, i);
    }
    put_recv(-1, bytes[3], 9, 3);
    tell_queues("4 entries are written", "");
    enter(4, 0);
    tell_queues("io_uring_enter() hands them in", "");
    for (unsigned i = 1; i < 4; i++) {
        send(pair[i % 3][1], name[i % 3], strlen(name[i % 3]), 0);
        tell_queues(name[i % 3], " sends");
    }
    struct stat tasks; /* a folder: a link for each thread, and two */
    if (stat("/proc/self/task", &tasks) < 0)
        err(1, "/proc/self/task");
    for (int i = 0; i < 4; i++) {
        unsigned whose;
        int n = take(&whose);
        printf("  user_data %u, %-5s  %3d  %s\n", whose, name[whose], n,
               n < 0 ? strerror(-n) : bytes[whose]);
    }
    tell_queues("all 4 are taken", "");
    printf("operations: 4; calls of io_uring_enter(): %d; threads: %d\n",
           calls, (int)tasks.st_nlink - 2);
}

int main(int argc, char **argv)
{
    int part = argc == 2 ? atoi(argv[1]) : 0;
    if (argc > 2 || (argc == 2 && (part < 1 || part > 2)))
        errx(2, "usage: 05h-io-uring [PART]   1 or 2");
    if (part != 2)
        late();
    if (part == 0)
        puts("");
    if (part != 1)
        queues();
}
#endif
