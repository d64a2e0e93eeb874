/*
 * step.h: what the steps of this lesson have in common. A step is a small
 * program that shows one idea.
 *
 * A step includes this file and system headers, nothing else (03k includes
 * http.h, too). A step that is a server begins with
 *
 *     int listener = begin_server(argc, argv, 9999);
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

/* Has a signal interrupted the system call that returned RESULT (EINTR)? Any
   other error ends the step, exit status 1: CALL stands in the message. */
static inline bool interrupted(long result, const char *call)
{
    if (result < 0 && errno != EINTR)
        err(1, "%s", call);
    return result < 0;
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

/* a-z become A-Z. There is no "if" in it, so the compiler can change many
   bytes at once: see lesson 01. */
static inline void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

/* The peer may send any bytes, and a terminal obeys control characters. So
   replace '\n' by a space, and every other byte that is not printable ASCII by
   '?'. Writes a zero byte to BYTES[LENGTH], too, and returns BYTES. */
static inline const char *printable(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            bytes[i] = bytes[i] == '\n' ? ' ' : '?';
    bytes[length] = '\0';
    return bytes;
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

/* ---------------------------------------------------- the late message

   The task of 01h, 02f, 02g, 03m, 05h and 07p, each in another I/O model. A
   sender process sends five requests on one socket, each of which takes 15 ms
   of work, and after 300 ms a message on another socket. */

enum {
    MESSAGE_AT = 300,                         /* ms: the message arrives */
    FIRST_AT = 20, EVERY = 50, LAST_AT = 220, /* ms: requests arrive */
    END_AT = 250,                             /* ms: no more requests */
    WORK = 15,                                /* ms of CPU for a request */
};

static int message, requests; /* the sockets on which they arrive */
static char text[100];        /* the message; empty until it is here */
static double started;        /* now_ms() in start_sender() */
static int answered;          /* requests that have been answered */
static int before;            /* those of them before the message */

/* Milliseconds since start_sender(). */
static inline double elapsed(void)
{
    return now_ms() - started;
}

/* Sleep until MS milliseconds after start_sender(). */
static inline void sleep_until(double ms)
{
    double left = ms - elapsed();
    if (left > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)(left * 1e6) }, NULL);
}

/* Start the sender, a process of its own. The step has end 0 of both socket
   pairs, the sender has end 1. SIG_IGN: the step need not wait() for it. */
static inline void start_sender(void)
{
    int m[2], r[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, m) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, r) < 0)
        err(1, "socketpair");
    signal(SIGCHLD, SIG_IGN);
    started = now_ms();
    pid_t sender = fork();
    if (sender < 0)
        err(1, "fork");
    message = m[sender == 0];
    requests = r[sender == 0];
    close(m[sender != 0]);
    close(r[sender != 0]);
    if (sender > 0)
        return;
    for (int ms = FIRST_AT; ms <= LAST_AT; ms += EVERY) {
        sleep_until(ms);
        send(requests, &ms, sizeof ms, 0);
    }
    sleep_until(END_AT);
    close(requests);
    sleep_until(MESSAGE_AT);
    send(message, "hello", 5, 0);
    _exit(0);
}

/* Do the work for a request that was sent SENT_AT ms after start_sender(), and
   print a line. That is the answer; nothing is sent back. */
static inline void answer_request(int sent_at)
{
    double waited = elapsed() - sent_at;
    for (double end = elapsed() + WORK; elapsed() < end;)
        continue;
    printf("%7.1f ms  the request of %3d ms is answered; it waited %.1f ms\n",
           elapsed(), sent_at, waited);
    answered++;
    before += text[0] == '\0';
}

static inline void print_message(void)
{
    if (text[0] == '\0')
        errx(1, "the sender has ended without a message");
    printf("%7.1f ms  the message: \"%s\"\n", elapsed(), text);
}

/* The last line: how many requests did not wait for the message? */
static inline void print_summary(const char *model)
{
    printf("%s: %d requests answered, %d before the message came\n", model,
           answered, before);
}

#endif
