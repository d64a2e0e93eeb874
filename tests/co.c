/*
 * co: checks of 08-coroutines/co.h; tests/08-coroutines.bats runs them.
 *
 *     co NAME    run one check; "all": every check but the mistakes
 *
 * Exit status: 0, or 1 after a line that names the CHECK that failed. The
 * checks at the end of the table make mistakes; abort() or SIGSEGV ends them.
 */
#include "../08-coroutines/co.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(what) \
    ((void)((what) || (printf("%s:%d: failed: %s\n", __FILE__, __LINE__, \
                              #what), exit(1), 0)))

static struct co *spawn(void *(*run)(void *), void *arg)
{
    struct co *co = co_spawn("some", run, arg);
    CHECK(co != NULL);
    return co;
}

static double now(void) /* seconds */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ------------------------------------------------------ values, both ways */

static void *sum(void *value)
{
    intptr_t total = 0;
    for (; value != NULL; value = co_yield((void *)total))
        total += (intptr_t)value;
    return (void *)(total + 1000);
}

static void values(void)
{
    struct co *a = co_new("a name that is longer than there is room for", sum);
    struct co *b = co_new("b", sum);
    CHECK(strlen(co_name(a)) == CO_NAME_SIZE - 1);
    CHECK(strcmp(co_name(co_self()), "main") == 0);
    for (intptr_t i = 1; i <= 100; i++) {
        CHECK(co_resume(a, (void *)i) == (void *)(i * (i + 1) / 2));
        CHECK(co_switch(b, (void *)(2 * i)) == (void *)(i * (i + 1)));
    }
    CHECK(!co_ended(a) && co_resume(a, NULL) == (void *)6050 && co_ended(a));
    co_free(a);
    co_free(b);
}

/* -------------------------------------------------- what a switch keeps */

static void *compute(void *seed)
{
    uint64_t a = (uintptr_t)seed, b = a + 1, c = a + 2, d = a + 3, e = a + 4;
    double p = (double)a, q = p / 3, r = p / 7, s = p / 9, t = p / 11;
    for (int i = 0; i < 1000; i++) {
        a += b ^ (uint64_t)i, b += c ^ a, c += d ^ b, d += e ^ c, e += a ^ d;
        p = p / 3 + q, q = q / 5 + r, r = r / 7 + s, s = s / 9 + t, t += p;
        if (co_self() != NULL && strcmp(co_name(co_self()), "main") != 0)
            co_pause();
    }
    static double results[4];
    static int next;
    double *result = &results[next++ % 4];
    *result = p + q + r + s + t + (double)(a ^ b ^ c ^ d ^ e);
    return result;
}

static void registers(void)
{
    struct co *one = spawn(compute, (void *)1);
    struct co *two = spawn(compute, (void *)2);
    double first = *(double *)co_join(one), second = *(double *)co_join(two);
    CHECK(first == *(double *)compute((void *)1));
    CHECK(second == *(double *)compute((void *)2));
    CHECK(first != second);
}

/* With CO_SAVE_FP, or the C library's switch, each coroutine has its own
   rounding mode; else all share one. */
#if defined CO_SAVE_FP || defined CO_UCONTEXT || \
    (!defined __x86_64__ && !defined __aarch64__)
enum { OWN_ROUNDING = true };
#else
enum { OWN_ROUNDING = false };
#endif

static int rounding_mode(void) /* SSE's, too: fegetround() reads the x87's */
{
    volatile double one = 1, three = 3, third = one / three;
    bool up = third * 3 > 1 || third > 0.33333333333333331;
#ifndef UNDER_VALGRIND /* valgrind always rounds to the nearest */
    CHECK(up == (fegetround() == FE_UPWARD));
#endif
    (void)up;
    return fegetround();
}

static void *round_up(void *value)
{
    fesetround(FE_UPWARD);
    co_yield(value);
    return rounding_mode() == FE_UPWARD ? value : NULL;
}

static void rounding(void)
{
    int mine = OWN_ROUNDING ? FE_TONEAREST : FE_UPWARD;
    struct co *co = co_new("up", round_up);
    CHECK(co_resume(co, co) == co);
    CHECK(rounding_mode() == mine);
    CHECK(co_resume(co, NULL) == co);
    CHECK(rounding_mode() == mine);
    fesetround(FE_TONEAREST);
    co_free(co);
}

/* --------------------------------------------------------- sleeps and ends */

static int asleep, woken;
static double latest;

static void *nap(void *ms)
{
    double wanted = now() + (double)(intptr_t)ms / 1000;
    co_sleep((double)(intptr_t)ms / 1000);
    CHECK(now() >= wanted);          /* not too early */
    CHECK(wanted >= latest - 0.005); /* in order: co_sleep() reads the clock
                                        later, if the machine is busy */
    latest = wanted;
    woken++;
    return ms;
}

/* Times that are no whole milliseconds: the process sleeps through them. */
static void sleep_without_cpu(void)
{
    double start = now();
    clock_t cpu = clock();
    for (int i = 0; i < 50; i++)
        co_sleep(0.0019);
    CHECK((double)(clock() - cpu) / CLOCKS_PER_SEC < 0.35 * (now() - start));
}

static void sleeps(void)
{
    uint32_t x = 1;
    for (asleep = 0; asleep < 1000; asleep++) {
        x = x * 1664525 + 1013904223;
        spawn(nap, (void *)(intptr_t)(20 + x % 100 * (x % 7 > 0)));
    }
    double start = now();
    co_join_all();
    CHECK(woken == 1000);
    CHECK(now() - start < 5); /* together; one by one, it takes 60 s */
    co_sleep(-1);
    sleep_without_cpu();
}

static struct co *stacks[4];

static void *note_stack(void *value)
{
    (void)value;
    stacks[woken++ % 4] = co_self();
    return NULL;
}

static void *spawn_child(void *depth)
{
    if ((intptr_t)depth > 0)
        spawn(spawn_child, (void *)((intptr_t)depth - 1));
    co_sleep(0.001);
    woken++;
    return NULL;
}

/* A coroutine has ended, and the one that joins it has not had its turn yet.
   Now main goes on in co_join_all(). It must not join the first one, or two
   coroutines would free it, and two new ones would share its stack. */
static void *rest(void *turns)
{
    for (intptr_t i = 0; i < (intptr_t)turns; i++)
        co_pause();
    woken++;
    return turns;
}

static void *join_it(void *other)
{
    return co_join(*(struct co **)other);
}

static void joined_once(void)
{
    static struct co *rests;
    spawn(join_it, &rests);
    rests = spawn(rest, (void *)2);
    spawn(rest, (void *)1);
    co_join_all();
    for (int i = 0; i < 4; i++)
        spawn(rest, (void *)1);
    woken = 0;
    co_join_all();
    CHECK(woken == 4);
}

static void ends(void)
{
    joined_once();
    woken = 0;
    for (int i = 0; i < 100000; i++) { /* a leak ends in ENOMEM */
        struct co *co = spawn(note_stack, NULL);
        if (i % 2)
            co_detach(co);
        else
            co_join(co);
    }
    co_pause();
    CHECK(stacks[0] != NULL && woken == 100000);
    woken = 0;
    spawn(spawn_child, (void *)10);
    co_join_all(); /* the children, too */
    CHECK(woken == 11);
    struct co *gone = spawn(note_stack, NULL);
    co_pause();
    co_detach(gone); /* after its end */
}

static int deep(int n)
{
    volatile char frame[1000];
    frame[0] = (char)n;
    return n == 0 ? 0 : deep(n - 1) + frame[0];
}

static void *dive(void *depth)
{
    deep((int)(intptr_t)depth);
    return co_self();
}

#ifdef __linux__
/* The pages that a coroutine leaves in memory after a dive of this DEPTH. */
static int pages_left(int depth, bool detached)
{
    unsigned char pages[CO_STACK_SIZE / 4096];
    int n = 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct co *co = spawn(dive, (void *)(intptr_t)depth);
    char *top = (char *)(((uintptr_t)co + page - 1) & ~(page - 1));
    if (detached)
        co_detach(co);
    else
        co_join(co);
    co_pause();
    co_pause();
    CHECK(mincore(top - CO_STACK_SIZE, CO_STACK_SIZE, pages) == 0);
    for (size_t i = 0; i < CO_STACK_SIZE / page; i++)
        n += pages[i] & 1;
    return n;
}
#endif

/* A coroutine that has used much of its stack leaves one page in memory. A
   detached one may leave one more: the compiler's -fstack-check touches memory
   below each function that is called at the end. */
static void memory(void)
{
#ifdef __linux__
#ifdef CO_UCONTEXT /* it saves up to 5 KB, more than the top page */
    enum { MORE = 2 };
#else
    enum { MORE = 0 };
#endif
    CHECK(pages_left(200, false) <= 1 + MORE);
    CHECK(pages_left(200, true) <= 2 + MORE);
    CHECK(pages_left(200, true) == pages_left(0, true));
#endif
}

/* ------------------------------------------------------------------ queues */

static struct co_queue queue;
static char order[8];

static void *stand(void *letter)
{
    co_wait(&queue);
    order[strlen(order)] = (char)(intptr_t)letter;
    return NULL;
}

static void queues(void)
{
    for (char c = 'a'; c < 'e'; c++)
        spawn(stand, (void *)(intptr_t)c);
    co_pause();
    while (co_wake(&queue))
        ;
    CHECK(order[0] == '\0'); /* they run when we wait, not before */
    co_join_all();
    CHECK(strcmp(order, "abcd") == 0);
}

/* Many wait for a time in one queue, each for another; some are woken before.
   The rest wake in the order of their times. */
static int early;

static void *wait_until(void *ms)
{
    double until = now() + (double)(intptr_t)ms / 1000;
    if (co_wait_until(&queue, until)) {
        early++;
        return ms;
    }
    CHECK(now() >= until && until >= latest - 0.005);
    latest = until;
    woken++;
    return ms;
}

static void timed_queues(void)
{
    uint32_t x = 1;
    latest = 0;
    for (int i = 0; i < 300; i++) {
        x = x * 1664525 + 1013904223;
        spawn(wait_until, (void *)(intptr_t)(1000 + x % 1009 * 7 % 100));
    }
    co_pause();
    for (int i = 0; i < 100; i++) /* the first 100 */
        CHECK(co_wake(&queue));
    co_pause();
    CHECK(early == 100 && woken == 0);
    co_join_all();
    CHECK(early == 100 && woken == 200 && !co_wake(&queue));
    CHECK(!co_wait_until(&queue, now() - 1));
    spawn(wait_until, (void *)5000);
    co_pause();
    CHECK(!co_wait_until(&queue, now())); /* the last one leaves the queue */
    spawn(wait_until, (void *)5000);
    co_pause();
    CHECK(co_wake(&queue) && co_wake(&queue) && !co_wake(&queue));
    co_join_all();
    spawn(stand, (void *)'z'); /* the queue is as good as new */
    spawn(wait_until, (void *)5000);
    co_pause();
    order[0] = '\0';
    CHECK(co_wake(&queue) && co_wake(&queue) && !co_wake(&queue));
    co_join_all();
    CHECK(order[0] == 'z' && early == 103);
}

/* --------------------------------------------------------------------- fds */

enum { MUCH = 3000000 };
static int ends_of[2];

static void *write_much(void *fd)
{
    static char bytes[MUCH];
    for (int i = 0; i < MUCH; i++)
        bytes[i] = (char)(i % 251);
    CHECK(co_send((int)(intptr_t)fd, bytes, MUCH, 0) == MUCH);
    co_close((int)(intptr_t)fd);
    return NULL;
}

static void *read_much(void *fd)
{
    char bytes[5000];
    intptr_t got = 0;
    for (ssize_t n; (n = co_recv((int)(intptr_t)fd, bytes, sizeof bytes, 0));
         got += n) {
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++)
            CHECK(bytes[i] == (char)((got + i) % 251));
    }
    co_close((int)(intptr_t)fd);
    return (void *)got;
}

static void *accept_one(void *listener)
{
    int fd = co_accept((int)(intptr_t)listener, NULL, NULL);
    CHECK(fd >= 0);
    return read_much((void *)(intptr_t)fd);
}

static void sockets(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, size) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);

    int fd = socket(AF_INET, SOCK_STREAM, 0); /* no listen() yet */
    CHECK(co_connect(fd, (struct sockaddr *)&address, size) < 0);
    CHECK(errno == ECONNREFUSED && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
    co_close(fd);

    CHECK(listen(listener, 10) == 0);
    struct co *readers[3];
    for (int i = 0; i < 3; i++) /* three coroutines wait for one fd */
        readers[i] = spawn(accept_one, (void *)(intptr_t)listener);
    co_pause();
    for (int i = 0; i < 3; i++) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(co_connect(fd, (struct sockaddr *)&address, size) == 0);
        CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
        spawn(write_much, (void *)(intptr_t)fd);
    }
    for (int i = 0; i < 3; i++)
        CHECK(co_join(readers[i]) == (void *)MUCH);
    co_join_all();
    co_close(listener);
    CHECK(co_recv(listener, &size, 1, 0) < 0 && errno == EBADF);
    CHECK(co_recv(-1, &size, 1, 0) < 0 && errno == EBADF);
    CHECK(co_recv(CO_MAX_FDS, &size, 1, 0) < 0 && errno == EBADF);
}

/* Many fds, in any order. */
static void many(void)
{
    enum { PAIRS = 40 };
    int pairs[PAIRS][2];
    for (int i = 0; i < PAIRS; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) == 0);
        spawn(read_much, (void *)(intptr_t)pairs[i][0]);
    }
    co_pause();
    for (int i = PAIRS - 1; i >= 0; i -= 2)
        spawn(write_much, (void *)(intptr_t)pairs[i][1]);
    co_pause();
    for (int i = 0; i < PAIRS; i += 2)
        co_close(pairs[i][1]); /* the reader sees the end */
    co_join_all();
}

static void *expect_ebadf(void *fd)
{
    char c;
    CHECK(co_recv((int)(intptr_t)fd, &c, 1, 0) < 0 && errno == EBADF);
    return NULL;
}

static void closed(void)
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    spawn(expect_ebadf, (void *)(intptr_t)ends_of[0]);
    spawn(expect_ebadf, (void *)(intptr_t)ends_of[0]);
    co_pause();
    int copy = dup(ends_of[0]); /* so the epoll keeps it after close() */
    CHECK(co_close(ends_of[0]) == 0);
    CHECK(dup2(copy, ends_of[0]) == ends_of[0]); /* the number in use again */
    co_join_all();
    CHECK(write(ends_of[1], "x", 1) == 1);
    char c;
    CHECK(co_recv(ends_of[0], &c, 1, 0) == 1 && c == 'x');
    close(copy);
    co_close(ends_of[0]);
    co_close(ends_of[1]);
}

static void *drip(void *times)
{
    for (int i = 0; i < (intptr_t)times; i++) {
        co_sleep(0.002);
        CHECK(co_send(ends_of[1], "ab", 2, 0) == 2);
    }
    return times;
}

static void *read_one(void *fd)
{
    char c;
    CHECK(co_recv((int)(intptr_t)fd, &c, 1, 0) == 1);
    co_close((int)(intptr_t)fd);
    return NULL;
}

/* The flags mean what they mean in recv() and send(). */
static void flags(void)
{
    static char bytes[MUCH];
    ssize_t n;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    CHECK(co_recv(ends_of[0], bytes, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    spawn(drip, (void *)7);
    CHECK(co_recv(ends_of[0], bytes, 2, MSG_WAITALL | MSG_PEEK) == 2);
    CHECK(co_recv(ends_of[0], bytes, 10, MSG_WAITALL) == 10);
    CHECK(memcmp(bytes, "ababababab", 10) == 0);
    co_join_all();
    CHECK(shutdown(ends_of[1], SHUT_WR) == 0);
    CHECK(co_recv(ends_of[0], bytes, 10, MSG_WAITALL) == 4); /* the end */
    CHECK(co_recv(ends_of[0], bytes, 10, MSG_WAITALL) == 0);

    n = co_send(ends_of[0], bytes, MUCH, MSG_DONTWAIT);
    CHECK(n > 0 && n < MUCH);
    n = co_send(ends_of[0], bytes, MUCH, MSG_DONTWAIT);
    CHECK(n < 0 && errno == EAGAIN);
    co_close(ends_of[0]);
    co_close(ends_of[1]);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    spawn(read_one, (void *)(intptr_t)ends_of[0]); /* then it closes it */
    n = co_send(ends_of[1], bytes, MUCH, MSG_NOSIGNAL);
    CHECK(n > 0 && n < MUCH);
    co_join_all();
    co_close(ends_of[1]);

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends_of) == 0);
    spawn(drip, (void *)2); /* a message is a message, also with MSG_WAITALL */
    CHECK(co_recv(ends_of[0], bytes, 10, MSG_WAITALL) == 2);
    co_join_all();
    co_close(ends_of[0]);
    co_close(ends_of[1]);
}

/* --------------------------------------------------------------- timeouts */

static void set_timeout(int fd, int option, int ms)
{
    struct timeval t = { ms / 1000, ms % 1000 * 1000 };
    CHECK(setsockopt(fd, SOL_SOCKET, option, &t, sizeof t) == 0);
}

static double started;

/* Have about SECONDS passed since the last call? */
static bool took(double seconds)
{
    double passed = now() - started;
    started = now();
    return passed >= seconds - 0.002 && passed < seconds + 2;
}

static void *expect_eagain(void *fd)
{
    char c;
    CHECK(co_recv((int)(intptr_t)fd, &c, 1, 0) < 0 && errno == EAGAIN);
    return NULL;
}

static void *send_later(void *value)
{
    co_sleep(0.1);
    CHECK(co_send(ends_of[1], "x", 1, 0) == 1);
    return value;
}

static void *count_naps(void *naps)
{
    for (; *(int *)naps >= 0; ++*(int *)naps)
        co_sleep(0.01);
    return NULL;
}

static void receive_in_time(void)
{
    static char bytes[200];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    set_timeout(ends_of[0], SO_RCVTIMEO, 150);
    started = now();
    CHECK(co_recv(ends_of[0], bytes, 1, 0) < 0 && errno == EAGAIN);
    CHECK(took(0.15));
    spawn(drip, (void *)3);
    CHECK(co_recv(ends_of[0], bytes, 20, MSG_WAITALL) == 6 && took(0.15));
    spawn(drip, (void *)100); /* for 200 ms: it is the time of the call */
    ssize_t n = co_recv(ends_of[0], bytes, 200, MSG_WAITALL);
    CHECK(n > 0 && n < 200);
    CHECK(co_recv(ends_of[0], bytes, (size_t)(200 - n), MSG_WAITALL) > 0);
    co_join_all();
    while (recv(ends_of[0], bytes, 200, MSG_DONTWAIT) > 0)
        continue;

    spawn(expect_eagain, (void *)(intptr_t)ends_of[0]);
    co_sleep(0.1);
    spawn(send_later, NULL);
    while (co_recv(ends_of[0], bytes, 1, 0) < 0)
        CHECK(errno == EAGAIN);
    CHECK(bytes[0] == 'x'); /* the other one was first, but left the queue */
    co_join_all();
    co_close(ends_of[0]);
    co_close(ends_of[1]);
}

static void send_in_time(void)
{
    static char bytes[MUCH];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    set_timeout(ends_of[1], SO_SNDTIMEO, 100);
    started = now();
    ssize_t n = co_send(ends_of[1], bytes, MUCH, 0);
    CHECK(n > 0 && n < MUCH && took(0.1));
    CHECK(co_send(ends_of[1], bytes, MUCH, 0) < 0 && errno == EAGAIN);
    CHECK(took(0.1));
    int old = ends_of[1];
    co_close(old);
    co_close(ends_of[0]);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    CHECK(ends_of[0] == old || ends_of[1] == old); /* it has no timeout now */
    spawn(write_much, (void *)(intptr_t)old);
    co_sleep(0.2);
    int peer = ends_of[ends_of[0] == old];
    CHECK(co_join(spawn(read_much, (void *)(intptr_t)peer)) == (void *)MUCH);
    co_join_all();
}

static void *accept_later(void *listener)
{
    co_sleep(0.1);
    int fd = co_accept((int)(intptr_t)listener, NULL, NULL);
    CHECK(fd >= 0);
    return (void *)(intptr_t)fd;
}

/* Connect to a full backlog: the call waits, as connect() does. */
static void connect_in_time(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct sockaddr *a = (struct sockaddr *)&address;
    socklen_t size = sizeof address;
    int fd, listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "co-%d.socket",
             (int)getpid());
    CHECK(bind(listener, a, size) == 0 && listen(listener, 0) == 0);
    set_timeout(listener, SO_RCVTIMEO, 100);
    started = now();
    CHECK(co_accept(listener, NULL, NULL) < 0 && errno == EAGAIN);
    CHECK(took(0.1));
    do /* until the backlog is full */
        CHECK((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
    while (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && connect(fd, a, size) == 0);
    fcntl(fd, F_SETFL, 0);
    set_timeout(fd, SO_SNDTIMEO, 100);
    started = now();
    CHECK(co_connect(fd, a, size) < 0 && errno == EAGAIN && took(0.1));
    co_close(fd);
    CHECK((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
    struct co *acceptor = spawn(accept_later, (void *)(intptr_t)listener);
    CHECK(co_connect(fd, a, size) == 0 && took(0.1));
    CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
    close((int)(intptr_t)co_join(acceptor));
    unlink(address.sun_path);
    co_close(listener);
    co_close(fd);
}

static void timeouts(void)
{
    static int naps; /* of another coroutine, meanwhile */
    co_detach(spawn(count_naps, &naps)); /* co_join_all() shall not join it */
    receive_in_time();
    send_in_time();
    connect_in_time();
    CHECK(naps > 10);
    for (naps = -2; naps < -1;) /* it ends */
        co_sleep(0.01);
}

/* ------------------------------------------------------------------- forks */

/* A child waits for an fd that the parent has waited for, then for one of its
   own, and leaves a byte in it. The parent must not hear of that byte. */
static void run_child(int parent)
{
    int own[2];
    char c;
    CHECK(co_recv(parent, &c, 1, 0) == 1 && c == 'b'); /* begin */
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, own) == 0);
    CHECK(write(own[1], "xy", 2) == 2);
    CHECK(co_recv(own[0], &c, 1, 0) == 1);
    CHECK(write(parent, "r", 1) == 1); /* ready */
    CHECK(read(parent, &c, 1) == 1 && c == 'e'); /* end */
    _exit(0);
}

static void forks(void)
{
    int status;
    char c;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    CHECK(write(ends_of[0], "x", 1) == 1);
    CHECK(co_recv(ends_of[1], &c, 1, 0) == 1); /* now there is an epoll */
    pid_t child = fork();
    if (child == 0)
        run_child(ends_of[1]);
    CHECK(write(ends_of[0], "b", 1) == 1);
    CHECK(co_recv(ends_of[0], &c, 1, 0) == 1 && c == 'r');
    sleep_without_cpu();
    CHECK(write(ends_of[0], "e", 1) == 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    co_close(ends_of[0]);
    co_close(ends_of[1]);
}

/* No coroutine reads what has come: the process sleeps all the same. */
static void idles(void)
{
    char c;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    CHECK(write(ends_of[1], "xy", 2) == 2);
    CHECK(co_recv(ends_of[0], &c, 1, 0) == 1);
    struct co *reader = spawn(expect_ebadf, (void *)(intptr_t)ends_of[1]);
    co_pause();
    sleep_without_cpu();
    co_close(ends_of[1]);
    co_join(reader);
    co_close(ends_of[0]);
}

/* A generator that waits for input; two coroutines resume it. */
static void *bytes_of(void *value)
{
    char c;
    while (co_recv(ends_of[0], &c, 1, 0) == 1)
        value = co_yield((void *)(intptr_t)c);
    return value;
}

static void *next_byte(void *generator)
{
    return co_resume(generator, NULL);
}

static void *feed(void *value)
{
    for (int i = 0; i < 2; i++) {
        co_sleep(0.01);
        CHECK(co_send(ends_of[1], &"ab"[i], 1, 0) == 1);
    }
    return value;
}

static void generators(void)
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    struct co *generator = co_new("bytes", bytes_of);
    spawn(feed, NULL);
    CHECK(co_join(spawn(next_byte, generator)) == (void *)'a');
    CHECK(co_join(spawn(next_byte, generator)) == (void *)'b');
    co_join_all();
    co_free(generator);
    co_close(ends_of[0]);
    co_close(ends_of[1]);
}

/* -------------------------------------------------------------- idle hook */

static struct co_queue bell;
static int rings;

static bool ring(int timeout)
{
    if (timeout == 0) /* a coroutine is ready */
        return true;
    CHECK(timeout == -1);
    rings++;
    return co_wake(&bell);
}

static void *wait_for_bell(void *value)
{
    co_wait(&bell);
    return value;
}

static void hook(void)
{
    co_set_idle_hook(ring);
    spawn(wait_for_bell, NULL);
    spawn(wait_for_bell, NULL);
    co_join_all();
    CHECK(rings == 2 && !co_wake(&bell));
}

/* ---------------------------------------------------------------- mistakes */

static void overflow(void)
{
    co_join(co_spawn("digger", dive, (void *)-1));
}

static void deadlock(void)
{
    static struct co *a, *b;
    a = co_spawn("A", join_it, &b);
    b = co_spawn("B", join_it, &a);
    co_wait(&queue);
}

static void resume_ended(void)
{
    struct co *co = co_new("G", note_stack);
    co_resume(co, NULL);
    co_resume(co, NULL);
}

static void join_twice(void)
{
    struct co *co = co_spawn("J", note_stack, NULL);
    co_join(co);
    co_join(co);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
        bool is_mistake;
    } checks[] = {
        { "values", values, false }, { "registers", registers, false },
        { "rounding", rounding, false }, { "sleeps", sleeps, false },
        { "ends", ends, false }, { "memory", memory, false },
        { "queues", queues, false }, { "sockets", sockets, false },
        { "timed_queues", timed_queues, false },
        { "many", many, false }, { "closed", closed, false },
        { "generators", generators, false }, { "idles", idles, false },
        { "flags", flags, false }, { "forks", forks, false },
        { "timeouts", timeouts, false },
        { "hook", hook, false }, /* the last: its hook stays */
        { "overflow", overflow, true }, { "deadlock", deadlock, true },
        { "resume_ended", resume_ended, true },
        { "join_twice", join_twice, true },
    };
    int ran = 0;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (argc == 2 && (strcmp(argv[1], checks[i].name) == 0 ||
                          (!checks[i].is_mistake &&
                           strcmp(argv[1], "all") == 0))) {
            woken = 0;
            checks[i].run();
            ran++;
        }
    CHECK(ran > 0);
    return 0;
}
