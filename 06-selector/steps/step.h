/*
 * step.h: what the steps of this lesson have in common.
 *
 * A step includes this file, system headers and ../selector.h, nothing else. A
 * step that is a server begins with
 *
 *     int listener = begin_server(argc, argv, 8080);
 *
 * A function that has the name of one in server.c does the same as that one.
 */
#ifndef STEP_H
#define STEP_H

#include "../selector.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------- log, options, start */

static struct {
    int port;                 /* -p; a step sets its default */
    double second;            /* -s: how long a second of the notes lasts */
    bool flag[128];           /* flag['b']: -b was given. -q: no log */
    const char *name, *usage; /* begin_step() sets them */
} step = { .second = 0.2 };

/* Functions that are in server.c, too, use these names. */
#define LESSON step.name
#define USAGE step.usage

/* A log line: its place in this file, and what happened there. It is one
   printf(), so that the lines of two threads do not mix. */
#define LOG(format, ...) \
    ((void)(step.flag['q'] || printf("%s:%d: " format "\n", \
                                     __FILE__, __LINE__, __VA_ARGS__)))

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static inline void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* An option's number, from LEAST to MOST. */
static inline int parse_number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        errx(2, "'%s' is not a number from %d to %d\n%s", text, least, most,
             USAGE);
    return (int)n;
}

/* An option's seconds, from 0.001 to 60; not "nan" or "inf". */
static inline double parse_seconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= 60))
        errx(2, "'%s' is not a number of seconds from 0.001 to 60\n%s", text,
             USAGE);
    return seconds;
}

/* What a step calls first. It opens fds 0 to 2 if they are closed, makes
   stdout line buffered, and ignores SIGPIPE, so that send() to a reset socket
   fails with EPIPE. It reads the options into step: OPTIONS is for getopt(3),
   TEXT is the usage without the program's name. A wrong argument ends the
   step, exit status 2. */
static inline void begin_step(int argc, char **argv, const char *options,
                              const char *text)
{
    static char usage[500];
    int option;
    snprintf(usage, sizeof usage, "usage: %s %s", argv[0], text);
    step.name = argv[0];
    step.usage = usage;
    while ((option = getopt(argc, argv, options)) != -1)
        switch (option) {
        case 'p': step.port = parse_number(optarg, 0, 65535); break;
        case 's': step.second = parse_seconds(optarg); break;
        case '?': errx(2, "%s", USAGE);
        default: step.flag[option] = true;
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);
    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
}

/* What a system call has returned. If it has failed (-1), that ends the step,
   exit status 1: CALL stands in the error message. */
static inline int check(long result, const char *call)
{
    if (result < 0)
        err(1, "%s", call);
    return (int)result;
}

/* -------------------------------------------------------------- clocks */

/* usleep() is not in POSIX any more. */
static inline void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Milliseconds on a clock that nobody sets (clock_gettime(2)). */
static inline double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The notes' seconds (see -s) since the first call. */
static inline double now(void)
{
    static double start;
    if (start == 0)
        start = now_ms();
    return (now_ms() - start) / 1e3 / step.second;
}

/* Sleep for some of the notes' seconds. */
static inline void nap(double seconds)
{
    double ns = seconds * step.second * 1e9;
    time_t whole = (time_t)(ns / 1e9);
    nanosleep(&(struct timespec){ whole, (long)(ns - (double)whole * 1e9) },
              NULL);
}

/* ---------------------------------------------------------- the server */

enum { BACKLOG = 4096 }; /* clients that may wait for accept() */

static bool out_of_fds; /* no free fd: no accept() until a client closes */
static int clients_open; /* clients now: accept_fd() less close_fd() */

/* Listen on 127.0.0.1 and print the port. Port 0 is any free one. With
   SO_REUSEADDR, old connections in TIME_WAIT do not make bind() fail. */
static inline int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0)
        err(1, "socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, BACKLOG) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%s: listening on 127.0.0.1:%d\n", LESSON, ntohs(address.sin_port));
    return listener;
}

/* begin_step() and listen_on(), for a server whose only option is -p. PORT is
   its default. The listener does not block: on some systems (not on Linux) a
   client may leave before accept(). */
static inline int begin_server(int argc, char **argv, int port)
{
    char text[80];
    snprintf(text, sizeof text, "[-p PORT (%d; 0: any free)]", port);
    step.port = port;
    begin_step(argc, argv, "p:", text);
    int listener = listen_on(step.port);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    return listener;
}

/* Open the best selector, and register the listener with the callback that
   accepts clients. A failure ends the step. */
static inline struct selector *open_selector_for(int listener,
                                                 selector_callback *on_accept)
{
    struct selector *selector = selector_open(NULL);
    if (selector == NULL || selector_register(selector, listener,
                                SELECTOR_READ, on_accept, NULL) < 0)
        err(1, "selector");
    return selector;
}

/* Accept one client; its socket does not block. Returns its fd, or -1 if the
   client has left already, or accept() failed, or the fd is not below LIMIT
   (then it is closed). After an error that does not set out_of_fds, the
   function sleeps 10 ms, or the step would spin. */
static inline int accept_fd(int listener, int limit)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 && (errno == EAGAIN || errno == EINTR ||
                   errno == ECONNABORTED))
        return -1;
    if (fd < 0) {
        out_of_fds = errno == EMFILE && clients_open > 0;
        LOG("accept: %s", strerror(errno));
        if (!out_of_fds)
            sleep_ms(10);
        return -1;
    }
    LOG("fd %d: accept", fd);
    if (fd >= limit) {
        LOG("fd %d: close: not below %d", fd, limit);
        close(fd);
        return -1;
    }
    clients_open++;
    fcntl(fd, F_SETFL, O_NONBLOCK); /* on Linux, accept() leaves it unset */
    return fd;
}

/* Close a client's socket. WHY stands in the log. */
static inline void close_fd(int fd, const char *why)
{
    LOG("fd %d: close: %s", fd, why);
    close(fd);
    clients_open--;
    out_of_fds = false;
}

/* A call on a non-blocking socket failed. Is it worth a new try later? */
static inline bool not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
}

#endif
