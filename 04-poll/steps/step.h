/*
 * step.h: what the steps of this lesson have in common.
 *
 * A step includes this file and system headers, nothing else, and begins with
 *
 *     begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
 *
 * A function that has the name of one in server.c does the same as that one.
 */
#ifndef STEP_H
#define STEP_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------ options, start */

static struct {
    int port;                 /* -p: no step of this lesson has it */
    double second;            /* -s: seconds */
    bool flag[128];           /* flag['b']: -b was given */
    const char *name, *usage; /* begin_step() sets them */
} step = { .second = 0.2 };

#define USAGE step.usage

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

/* --------------------------------------------------------------- tools

   If a call in open_pair() or write_text() fails, it ends the step, exit
   status 1. */

/* usleep() is not in POSIX any more. */
static inline void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* What a system call has returned. If it has failed (-1), that ends the step,
   exit status 1: CALL stands in the error message. */
static inline int check(long result, const char *call)
{
    if (result < 0)
        err(1, "%s", call);
    return (int)result;
}

/* Open two sockets that are connected: you can read from each of them what was
   written to the other one (socketpair(2)). */
static inline void open_pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        err(1, "socketpair");
}

/* Write a short text, as a whole. */
static inline void write_text(int fd, const char *bytes)
{
    if (write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
        err(1, "write");
}

/* --------------------------------------- a TCP connection in one process

   If a call in these functions fails, it ends the step, exit status 1. */

/* Listen on a free port of 127.0.0.1, for a client in this process. BACKLOG is
   for listen(2). */
static inline int listen_here(int backlog)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, backlog) < 0)
        err(1, "socket, bind, listen");
    return listener;
}

/* Connect to this listener. Returns the client's socket. The kernel completes
   the connection by itself, before accept(). */
static inline int connect_here(int listener)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        connect(fd, (struct sockaddr *)&address, size) < 0)
        err(1, "connect");
    return fd;
}

/* Open a TCP connection and store its two ends. */
static inline void connect_pair(int *ours, int *peer)
{
    int listener = listen_here(1);
    *peer = connect_here(listener);
    *ours = accept(listener, NULL, NULL);
    if (*ours < 0)
        err(1, "accept");
    close(listener);
}

/* Close a socket and send its peer a reset, RST (SO_LINGER in socket(7)). */
static inline void close_with_reset(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
               sizeof(struct linger));
    close(fd);
}

#endif
