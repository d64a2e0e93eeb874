/*
 * 05h-io-uring: completion instead of readiness. Model 6 of 6: io_uring.
 *
 *     make 05h           run it (05-epoll/steps/05h-io-uring 1: one part)
 *     make models        draw it beside the other five models, as they ran
 *
 * Question: One call gives four operations to io_uring. Do they end in the
 * order in which the program has passed them?
 * Part 1 is the task of 01h (make diff-01h-05h shows the model). A call hands
 * in the recv() and returns at once. epoll says: you can read now. io_uring
 * says: the bytes are in your buffer. The process never calls recv() for them.
 * Part 2 shows the two queues: one call hands in four operations, which end in
 * another order; one of them fails. Where io_uring is forbidden: exit 77.
 * The notes: 四 .Asynchronous I/O(异步IO). No signal comes: a queue is filled.
 *
 *     io_uring: 5 requests answered, 5 before the message came
 *
 *                                    submissions    completions
 *                                     head  tail     head  tail
 *     io_uring_enter() hands them in    4     4        0     1
 */
#include "step.h"
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif
#ifndef IORING_FEAT_FAST_POLL
int main(void)
{
    errx(77, "compiled without the headers of Linux 5.7");
}
#else
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Two queues, in memory that the process shares with the kernel: submissions
   (sq) are operations to be done, completions (cq) are their results. The
   writer adds at the tail, the reader removes at the head. The numbers only
   grow; number & mask is the place. Each number has one writer, so no lock is
   needed: the process writes sq_tail and cq_head, the kernel the other two.
   But the other side may read a number at any moment, on another CPU. Release:
   a CPU that reads the new number also reads all that was written before it.
   Acquire: no later access is made before this read. Without them compiler or
   CPU may swap two accesses, and the reader may get half an entry. */
static struct {
    int fd; /* for the calls; each pointer below is into the shared memory */
    atomic_uint *sq_head, *sq_tail, *cq_head, *cq_tail;
    unsigned *sq;              /* each an index into ... */
    struct io_uring_sqe *sqes; /* ... these, the operations */
    struct io_uring_cqe *cq;   /* the operation's user_data, and its result */
} ring;
static int enter_count; /* calls of io_uring_enter() */

enum { ENTRIES = 4, SQ_MASK = ENTRIES - 1, CQ_MASK = 2 * ENTRIES - 1 };

/* Exit status 77: the system lacks io_uring, or forbids it. */
static void explain_failure(int error)
{
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "r");
    bool off = file != NULL && getc(file) != '0'; /* Linux 6.6 or later */
    errx(error == EPERM || error == ENOSYS ? 77 : 1, "io_uring_setup: %s: %s",
         strerror(error),
         error == ENOSYS ? "not in this kernel; run it elsewhere" :
         error != EPERM ? "see io_uring_setup(2)" :
         off ? "by kernel.io_uring_disabled; ask root" :
         "by a seccomp filter; run it outside the container");
}

static void open_ring(void)
{
    struct io_uring_params p = { 0 }; /* the kernel fills it: where is what */
    int rights = PROT_READ | PROT_WRITE; /* a page each is enough */
    ring.fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &p);
    if (ring.fd < 0)
        explain_failure(errno);
    if (!(p.features & IORING_FEAT_FAST_POLL))
        errx(77, "io_uring: Linux before 5.7 waits for a socket in a thread");
    char *queues = mmap(NULL, 4096, rights, MAP_SHARED, ring.fd,
                        IORING_OFF_SQ_RING);
    ring.sqes = mmap(NULL, 4096, rights, MAP_SHARED, ring.fd, IORING_OFF_SQES);
    if (queues == MAP_FAILED || ring.sqes == MAP_FAILED)
        err(1, "mmap");
    ring.sq_head = (void *)(queues + p.sq_off.head);
    ring.sq_tail = (void *)(queues + p.sq_off.tail);
    ring.sq = (void *)(queues + p.sq_off.array);
    ring.cq_head = (void *)(queues + p.cq_off.head);
    ring.cq_tail = (void *)(queues + p.cq_off.tail);
    ring.cq = (void *)(queues + p.cq_off.cqes);
}

/* Add a submission: recv() from FD. This is no system call. There must be a
   free place. BYTES belong to the kernel until this operation's completion. */
static void enqueue_recv(int fd, void *bytes, unsigned size, unsigned number)
{
    unsigned tail = atomic_load_explicit(ring.sq_tail, memory_order_relaxed);
    ring.sqes[tail & SQ_MASK] = (struct io_uring_sqe){
        .opcode = IORING_OP_RECV, .fd = fd, .addr = (uintptr_t)bytes,
        .len = size, .user_data = number,
    };
    ring.sq[tail & SQ_MASK] = tail & SQ_MASK;
    atomic_store_explicit(ring.sq_tail, tail + 1, memory_order_release);
}

/* The one call: hand in SUBMIT entries, and sleep for WAIT completions. If a
   signal interrupts it, dequeue() calls it again. */
static void enter(unsigned submit, unsigned wait)
{
    enter_count++;
    long n = syscall(__NR_io_uring_enter, ring.fd, submit, wait,
                     wait > 0 ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
    if (n != (long)submit && errno != EINTR)
        err(1, "io_uring_enter");
}

/* Remove a completion and return its result: a number, or -errno. If there is
   one already, this is no system call. */
static int dequeue(unsigned *number)
{
    unsigned head = atomic_load_explicit(ring.cq_head, memory_order_relaxed);
    while (head == atomic_load_explicit(ring.cq_tail, memory_order_acquire))
        enter(0, 1);
    struct io_uring_cqe done = ring.cq[head & CQ_MASK];
    atomic_store_explicit(ring.cq_head, head + 1, memory_order_release);
    *number = (unsigned)done.user_data;
    return done.res;
}

static void late_message(void)
{
    unsigned number;
    open_ring();
    start_sender();

    enqueue_recv(message, text, sizeof text - 1, 0);
    enter(1, 0); /* returns at once */
    for (int sent_at; recv(requests, &sent_at, sizeof sent_at, 0) > 0;)
        answer_request(sent_at);
    if (dequeue(&number) < 0) /* sleeps: there is nothing else to do */
        errx(1, "io_uring: recv() failed");
    print_message();
    print_summary("io_uring");
}

static void print_queues(const char *name, const char *what)
{
    printf("%s%-*s %4u %5u %8u %5u\n", name, 30 - (int)strlen(name), what,
           *ring.sq_head, *ring.sq_tail, *ring.cq_head, *ring.cq_tail);
}

static void two_queues(void)
{
    static const char *name[] = { "Anna", "Bob", "Carla", "fd -1" };
    static char bytes[4][10];
    int pair[3][2];
    struct stat tasks; /* a folder: a link for each thread, and two more */
    open_ring();
    enter_count = 0;
    puts("                               submissions    completions\n"
         "                                head  tail     head  tail");
    for (unsigned i = 0; i < 3; i++) {
        check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), "socketpair");
        enqueue_recv(pair[i][0], bytes[i], 9, i);
    }
    enqueue_recv(-1, bytes[3], 9, 3);
    print_queues("4 entries are written", "");
    enter(4, 0);
    print_queues("io_uring_enter() hands them in", "");
    for (unsigned i = 1; i < 4; i++) {
        send(pair[i % 3][1], name[i % 3], strlen(name[i % 3]), 0);
        print_queues(name[i % 3], " sends");
    }
    check(stat("/proc/self/task", &tasks), "/proc/self/task");
    for (int i = 0; i < 4; i++) {
        unsigned which;
        int n = dequeue(&which);
        printf("  user_data %u, %-5s  %3d  %s\n", which, name[which], n,
               n < 0 ? strerror(-n) : bytes[which]);
    }
    print_queues("all 4 are removed", "");
    printf("operations: 4; calls of io_uring_enter(): %d; threads: %d\n",
           enter_count, (int)tasks.st_nlink - 2);
}

int main(int argc, char **argv)
{
    int part = begin_parts(argc, argv);
    if (part != 2)
        late_message();
    if (part == 0)
        puts("");
    if (part != 1)
        two_queues();
}
#endif
