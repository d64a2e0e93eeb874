/*
 * What selector.h promises, checked with one backend: for 06-selector.bats.
 *
 *     selector                     prints the backends that it has
 *     selector BACKEND PROMISE     prints what is not so, then exit status 1
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "selector.h"

enum { READ = SELECTOR_READ, WRITE = SELECTOR_WRITE, BOTH = READ | WRITE };

#define CHECK(c) \
    ((c) ? (void)0 : (printf("%s, line %d: not so: %s (errno: %s)\n", name, \
                             __LINE__, #c, strerror(errno)), exit(1)))
#define FAILS(call, error) (errno = 0, (call) == -1 && errno == (error))

static const char *name; /* of the backend */
static struct selector *s;
static struct selector_key key;
static int calls; /* of callbacks */

static int is(const char *backend)
{
    return strcmp(name, backend) == 0;
}

static void count(const struct selector_key *k, int ready)
{
    (void)k;
    (void)ready;
    calls++;
}

static int add(int fd, int events)
{
    return selector_register(s, fd, events, count, NULL);
}

/* One round. Returns the events that the last fd was ready for, or 0. */
static int round_of(int timeout_ms)
{
    int ready, last = 0;
    CHECK(selector_select(s, timeout_ms) >= 0);
    while ((ready = selector_next(s, &key)) != 0) {
        last = ready;
        key.callback(&key, ready);
    }
    return last;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A TCP connection: it can be reset, a socketpair cannot. */
static void connection(int ends[2])
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&a, size) == 0);
    CHECK(listen(listener, 1) == 0);
    getsockname(listener, (struct sockaddr *)&a, &size);
    CHECK(connect(ends[0], (struct sockaddr *)&a, size) == 0);
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void reset(int fd)
{
    struct linger none = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
}

/* ----------------------------------------------------------- the promises */

static void choice(void)
{
    CHECK(strcmp(selector_backend(s), name) == 0);
    CHECK(selector_open("nonsense") == NULL && errno == EINVAL);
    CHECK(selector_backend_at(-1) == NULL && selector_backend_at(99) == NULL);
    struct selector *best = selector_open(NULL);
    CHECK(strcmp(selector_backend(best), selector_backend_at(0)) == 0);
    selector_close(best);
    selector_close(NULL);
    int last = -1; /* best first */
    for (int i = 0; selector_backend_at(i) != NULL; i++)
        for (int j = 0; j < 4; j++)
            if (strcmp((const char *[]){ "epoll", "kqueue", "poll", "select" }
                       [j], selector_backend_at(i)) == 0) {
                CHECK(j > last);
                last = j;
            }
    CHECK(last == 3);
}

static void errors(void)
{
    int p[2];
    CHECK(pipe(p) == 0 && add(p[0], READ) == 0);
    CHECK(FAILS(add(p[0], READ), EEXIST) && FAILS(add(p[0], 0), EEXIST));
    CHECK(FAILS(add(p[1], 4), EINVAL) && FAILS(add(p[1], -1), EINVAL));
    CHECK(FAILS(selector_modify(s, p[0], 8, count, NULL), EINVAL));
    CHECK(FAILS(selector_unregister(s, p[1]), ENOENT));
    int unknown[] = { p[1], -1, 500, 1 << 30 };
    for (int i = 0; i < 4; i++) {
        CHECK(FAILS(selector_modify(s, unknown[i], READ, count, NULL),
                    ENOENT));
        CHECK(FAILS(selector_unregister(s, unknown[i]), ENOENT));
        CHECK(i == 0 || FAILS(add(unknown[i], READ), EBADF));
        CHECK(FAILS(selector_unregister(s, unknown[i]), ENOENT));
    }
    CHECK(write(p[1], "x", 1) == 1 && round_of(1000) == READ && calls == 1);
    CHECK(selector_unregister(s, p[0]) == 0 && round_of(0) == 0);
    CHECK(FAILS(selector_unregister(s, p[0]), ENOENT));
    CHECK(add(p[0], READ) == 0 && round_of(1000) == READ);
    close(p[0]); /* the wrong order, but harmless here */
    CHECK(selector_unregister(s, p[0]) == 0 && round_of(0) == 0);
    CHECK(add(p[1], 0) == 0 && add(p[1] + 1, 0) == -1);
}

static void keys(void)
{
    int p[2], mine;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(selector_register(s, p[0], BOTH, count, &mine) == 0);
    CHECK(round_of(1000) == WRITE && calls == 1);
    CHECK(key.fd == p[0] && key.events == BOTH && key.data == &mine);
    CHECK(selector_modify(s, p[0], READ, count, &calls) == 0);
    CHECK(round_of(0) == 0);
    CHECK(write(p[1], "x", 1) == 1 && round_of(1000) == READ);
    CHECK(key.events == READ && key.data == &calls);
    CHECK(selector_modify(s, p[0], BOTH, count, NULL) == 0);
    CHECK(selector_select(s, 1000) == 1); /* one fd, ready for two things */
    CHECK(selector_next(s, &key) == BOTH && key.data == NULL);
}

static void states(void)
{
    int p[2];
    char c;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(write(p[1], "x", 1) == 1); /* before it is registered */
    CHECK(add(p[0], READ) == 0);
    for (int i = 0; i < 3; i++) /* as long as the byte is there */
        CHECK(round_of(1000) == READ && calls == i + 1);
    CHECK(selector_modify(s, p[0], 0, count, NULL) == 0);
    CHECK(round_of(0) == 0);
    CHECK(selector_modify(s, p[0], READ, count, NULL) == 0);
    CHECK(round_of(1000) == READ);
    CHECK(selector_select(s, 0) == 1); /* not returned: it comes again */
    CHECK(selector_select(s, 0) == 1);
    CHECK(selector_next(s, &key) == READ && selector_next(s, &key) == 0);
    CHECK(read(p[0], &c, 1) == 1 && round_of(0) == 0);
    CHECK(selector_modify(s, p[0], WRITE, count, NULL) == 0);
    CHECK(round_of(0) == WRITE);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    while (write(p[0], name, 1) == 1)
        ;
    CHECK(round_of(0) == 0);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

static void waits(void)
{
    int p[2], hung_up[2];
    CHECK(pipe(p) == 0 && pipe(hung_up) == 0 && close(hung_up[1]) == 0);
    CHECK(dup2(hung_up[0], 0) == 0); /* fd 0 is not registered */
    CHECK(dup2(p[0], 300) == 300 && add(300, READ) == 0);
    double start = now();
    CHECK(selector_select(s, 60) == 0 && now() - start > 0.055);
    start = now();
    CHECK(selector_select(s, 1050) == 0);
    CHECK(now() - start > 1.045 && now() - start < 2);
    start = now();
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval soon = { .it_value.tv_usec = 30000 };
    setitimer(ITIMER_REAL, &soon, NULL);
    CHECK(selector_select(s, 60000) == 0 && selector_next(s, &key) == 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    CHECK(selector_select(s, -1) == 0 && selector_next(s, &key) == 0);
    CHECK(now() - start < 50);
    if (fork() == 0) {
        nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
        _exit(write(p[1], "x", 1) != 1);
    }
    while (selector_select(s, -1) == 0) /* SIGCHLD may come first */
        ;
    CHECK(selector_next(s, &key) == READ);
}

/* After an error or a hang-up, an fd is ready for all its events. */
static void ends(void)
{
    for (int events = READ; events <= BOTH; events++)
        for (int way = 0; way < 2; way++) {
            int c[2];
            connection(c);
            CHECK(add(c[0], way == 0 ? events : 0) == 0);
            reset(c[1]);
            if (way == 1) {
                CHECK(round_of(50) == 0); /* events 0: not even an error */
                CHECK(selector_modify(s, c[0], events, count, NULL) == 0);
            }
            while (round_of(1000) != events) /* it was ready to write before */
                CHECK(key.fd == c[0]);
            CHECK(selector_unregister(s, c[0]) == 0 && close(c[0]) == 0);
        }
    int p[2];
    CHECK(pipe(p) == 0 && add(p[0], READ) == 0 && close(p[1]) == 0);
    CHECK(round_of(1000) == READ);
    CHECK(selector_unregister(s, p[0]) == 0 && close(p[0]) == 0);
    CHECK(pipe(p) == 0 && close(p[0]) == 0 && add(p[1], WRITE) == 0);
    CHECK(round_of(1000) == WRITE);
    CHECK(selector_unregister(s, p[1]) == 0 && close(p[1]) == 0);
    CHECK(pipe(p) == 0 && fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(p[1], name, 1) == 1)
        ;
    CHECK(add(p[1], WRITE) == 0 && round_of(0) == 0); /* no room, ... */
    CHECK(close(p[0]) == 0 && round_of(1000) == WRITE); /* ... and no reader */
    CHECK(selector_unregister(s, p[1]) == 0 && close(p[1]) == 0);
    int c[2]; /* after a half-close the fd is readable, and also writable */
    connection(c);
    CHECK(add(c[0], READ) == 0 && shutdown(c[1], SHUT_WR) == 0);
    CHECK(round_of(1000) == READ);
    CHECK(selector_modify(s, c[0], WRITE, count, NULL) == 0);
    CHECK(round_of(1000) == WRITE);
}

/* ------------------------------------------- what a callback may do */

static int pairs[2][2]; /* both are ready to read at pairs[i][0] */
static int new_file[2];

static int other_than(int fd)
{
    return fd == pairs[0][0] ? pairs[1][0] : pairs[0][0];
}

static void unregister_other(const struct selector_key *k, int ready)
{
    count(k, ready);
    CHECK(selector_unregister(s, other_than(k->fd)) == 0);
}

static void silence_other(const struct selector_key *k, int ready)
{
    count(k, ready);
    CHECK(selector_modify(s, other_than(k->fd), 0, silence_other, NULL) == 0);
}

static void unregister_self(const struct selector_key *k, int ready)
{
    count(k, ready);
    CHECK(selector_unregister(s, k->fd) == 0 && close(k->fd) == 0);
    CHECK(k->callback == unregister_self); /* the key is a copy */
}

static void replace_other(const struct selector_key *k, int ready)
{
    int other = other_than(k->fd);
    count(k, ready);
    CHECK(selector_unregister(s, other) == 0 && close(other) == 0);
    CHECK(pipe(new_file) == 0 && new_file[0] == other);
    CHECK(add(new_file[0], READ) == 0);
}

static void replace_self(const struct selector_key *k, int ready)
{
    count(k, ready);
    CHECK(selector_unregister(s, k->fd) == 0 && close(k->fd) == 0);
    CHECK(pipe(new_file) == 0 && new_file[0] == k->fd);
    CHECK(add(new_file[0], READ) == 0);
    CHECK(selector_unregister(s, other_than(k->fd)) == 0);
}

static void register_many(const struct selector_key *k, int ready)
{
    count(k, ready);
    for (int i = 0; i < 300; i++)
        CHECK(add(dup(pairs[0][1]), READ) == 0);
    CHECK(k->callback == register_many && k->data == &calls);
}

static void select_anew(const struct selector_key *k, int ready)
{
    count(k, ready);
    CHECK(selector_unregister(s, k->fd) == 0);
    round_of(0);
}

static void both_ready(selector_callback *callback)
{
    calls = 0;
    for (int i = 0; i < 2; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) == 0);
        CHECK(write(pairs[i][1], "x", 1) == 1);
        CHECK(selector_register(s, pairs[i][0], READ, callback, &calls) == 0);
    }
    CHECK(selector_select(s, 1000) == 2);
    int ready;
    while ((ready = selector_next(s, &key)) != 0)
        key.callback(&key, ready);
}

static void none_left(void)
{
    for (int fd = 3; fd < 1000; fd++)
        if (selector_unregister(s, fd) == 0)
            close(fd);
}

static void batch(void)
{
    both_ready(unregister_other);
    CHECK(calls == 1);
    none_left();
    both_ready(silence_other);
    CHECK(calls == 1);
    none_left();
    both_ready(unregister_self);
    CHECK(calls == 2 && round_of(0) == 0);
    none_left();
    both_ready(register_many);
    CHECK(calls == 2);
    none_left();
    both_ready(select_anew);
    CHECK(calls == 2 && round_of(0) == 0);
    none_left();
}

static void reuse(void)
{
    selector_callback *ways[] = { replace_other, replace_self };
    for (int i = 0; i < 2; i++) {
        both_ready(ways[i]);
        CHECK(calls == 1); /* no event for the new file */
        if (i == 0)
            CHECK(selector_unregister(s, other_than(new_file[0])) == 0);
        CHECK(round_of(0) == 0);
        CHECK(write(new_file[1], "x", 1) == 1 && round_of(1000) == READ);
        CHECK(key.fd == new_file[0]);
        none_left();
    }
}

/* More fds than one wait returns, than a table holds, and FD_SETSIZE. */
static void many(void)
{
    enum { PIPES = 600, ALL = 2 * PIPES };
    static int fds[ALL], seen[4096];
    struct rlimit limit = { .rlim_cur = 0 };
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 2000;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int refused = 0, taken = 0;
    for (int i = 0; i < ALL; i += 2) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + i) == 0);
        for (int j = i; j < i + 2; j++)
            if (add(fds[j], WRITE) == 0)
                taken++;
            else {
                CHECK(errno == ERANGE && is("select"));
                CHECK(fds[j] >= FD_SETSIZE);
                CHECK(FAILS(selector_unregister(s, fds[j]), ENOENT));
                refused++;
            }
    }
    CHECK((refused > 100) == is("select"));
    int different = 0, ready;
    for (int i = 0; i < 100 && different < taken; i++) {
        CHECK(selector_select(s, 0) > 0);
        while ((ready = selector_next(s, &key)) != 0) {
            CHECK(ready == WRITE);
            different += seen[key.fd]++ == 0;
        }
    }
    CHECK(different == taken);
    for (int i = 0; i < ALL; i++)
        selector_modify(s, fds[i], READ, count, NULL);
    CHECK(round_of(0) == 0);
    CHECK(write(fds[1], "x", 1) == 1 && round_of(1000) == READ);
    CHECK(key.fd == fds[0] && calls == 1);
}

static void files(void)
{
    int fd = open("/dev/null", O_RDWR);
    FILE *temporary = tmpfile();
    int file = fileno(temporary);
    if (is("epoll")) {
        CHECK(FAILS(add(fd, READ), EPERM) && FAILS(add(file, READ), EPERM));
        CHECK(FAILS(selector_unregister(s, fd), ENOENT));
        CHECK(add(file, 0) == 0);
        CHECK(FAILS(selector_modify(s, file, READ, count, NULL), EPERM));
    } else if (!is("kqueue")) {
        CHECK(add(fd, BOTH) == 0 && round_of(0) == BOTH);
        CHECK(selector_unregister(s, fd) == 0);
        CHECK(add(file, BOTH) == 0 && round_of(0) == BOTH);
    }
    fclose(temporary);
}

/* Closed, and still registered. */
static void mistakes(void)
{
    int p[2];
    CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1 && add(p[0], READ) == 0);
    close(p[0]);
    if (is("select"))
        CHECK(FAILS(selector_select(s, 0), EBADF) &&
              selector_next(s, &key) == 0);
    else
        CHECK(round_of(0) == (is("poll") ? READ : 0));
    CHECK(dup(p[1]) == p[0] && FAILS(add(p[0], READ), EEXIST));
    close(p[0]);
    CHECK(selector_unregister(s, p[0]) == 0 && round_of(0) == 0);
    CHECK(pipe(p) == 0 && add(p[0], READ) == 0 && round_of(0) == 0);
    CHECK(write(p[1], "x", 1) == 1 && round_of(1000) == READ);
    CHECK(dup(p[0]) >= 0 && close(p[0]) == 0); /* epoll still reports it */
    CHECK(selector_unregister(s, p[0]) == 0 && selector_select(s, 0) == 0);
}

static void closing(void)
{
    int p[2], before = dup(0);
    CHECK(pipe(p) == 0 && add(p[0], READ) == 0 && add(p[1], BOTH) == 0);
    round_of(0);
    for (int i = 0; i < 50; i++) {
        struct selector *another = selector_open(name);
        CHECK(another != NULL);
        CHECK(selector_register(another, p[1], READ, count, NULL) == 0);
        selector_close(another);
    }
    selector_close(s);
    CHECK(fcntl(p[0], F_GETFD) >= 0 && fcntl(p[1], F_GETFD) >= 0);
    int after = dup(0);
    CHECK(after <= p[1] + 1 && before >= 0); /* selectors have closed theirs */
    s = selector_open(name);
}

int main(int argc, char **argv)
{
    struct { const char *word; void (*keep)(void); } promises[] = {
        { "choice", choice }, { "errors", errors }, { "keys", keys },
        { "states", states }, { "waits", waits }, { "ends", ends },
        { "batch", batch }, { "reuse", reuse }, { "many", many },
        { "files", files }, { "mistakes", mistakes }, { "closing", closing },
    };
    if (argc == 1)
        for (int i = 0; selector_backend_at(i) != NULL; i++)
            puts(selector_backend_at(i));
    if (argc != 3)
        return argc != 1;
    signal(SIGPIPE, SIG_IGN);
    name = argv[1];
    CHECK((s = selector_open(name)) != NULL);
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++)
        if (strcmp(promises[i].word, argv[2]) == 0) {
            promises[i].keep();
            selector_close(s);
            return 0;
        }
    return 2;
}
