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

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------ options, start */

static struct {
    int port;                 /* -p; a step sets its default */
    double second;            /* -s: how long a second of the notes lasts */
    bool flag[128];           /* flag['b']: -b was given. -q: no log */
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

/* What a step in two parts calls first. Returns the part to run, 1 or 2, or 0:
   both. It has no options. */
static inline int begin_parts(int argc, char **argv)
{
    begin_step(1, argv, "", "[PART (1 or 2; both)]");
    if (argc > 2)
        errx(2, "unexpected argument '%s'\n%s", argv[2], USAGE);
    return argc > 1 ? parse_number(argv[1], 1, 2) : 0;
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

/* The moment after some of the notes' seconds, for a call with a timeout:
   pthread_cond_timedwait(3) and sem_timedwait(3) use the clock of the day. */
static inline struct timespec deadline(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    double ns = (double)t.tv_nsec + seconds * step.second * 1e9;
    t.tv_sec += (time_t)(ns / 1e9);
    t.tv_nsec = (long)ns % 1000000000;
    return t;
}

/* Print a line with now() before it. It is one printf(), so that the lines of
   two threads do not mix. */
static inline __attribute__((format(printf, 1, 2)))
void print_line(const char *format, ...)
{
    char line[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    printf("%4.1f s  %s\n", now(), line);
}

/* ------------------------------------------------ threads and processes */

/* Start a thread. The step ends if the system has no room for it. */
static inline pthread_t create_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, argument);
    if (error != 0)
        errx(1, "pthread_create: %s", strerror(error));
    return thread;
}

/* The text of what a pthread function has returned. (For EOWNERDEAD it is the
   same on all systems.) */
static inline const char *text_of(int error)
{
    return error == 0 ? "ok" : error == EOWNERDEAD ? "Owner died"
                             : strerror(error);
}

/* Run BODY in COUNT threads at once. Return when all have ended. */
static inline void run_threads(int count, void *(*body)(void *))
{
    pthread_t threads[count];
    for (int i = 0; i < count; i++)
        threads[i] = create_thread(body, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* fork(2): returns the child's pid, and in the child 0. */
static inline pid_t fork_process(void)
{
    return check(fork(), "fork");
}

/* Start a child process. It runs BODY and exits with its result; it calls no
   exit(3), so it must flush stdout itself. */
static inline pid_t create_process(int (*body)(void))
{
    pid_t pid = fork_process();
    if (pid == 0)
        _exit(body());
    return pid;
}

/* Sleep until this child has ended. Returns its exit status or, as in Python,
   minus the number of the signal that killed it. */
static inline int join_process(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0)
        err(1, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Sleep until all child processes have ended. */
static inline void join_all_processes(void)
{
    while (wait(NULL) > 0)
        continue;
}

/* Wait until all processes are here. GATE is a pipe, and each of them has both
   ends: read() returns 0 when the last one has closed its writing end. */
static inline void wait_for_all(const int gate[2])
{
    char byte;
    close(gate[1]);
    if (read(gate[0], &byte, 1) != 0)
        err(1, "gate");
}

/* Run one case of a step, as a program of its own: BODY is its main(), and the
   clock of now() starts at 0. So the end of BODY ends its threads, too. */
static inline void run_case(const char *title, void (*body)(void))
{
    printf("%s\n", title);
    pid_t pid = fork_process();
    if (pid == 0) {
        now();
        body();
        exit(0); /* as after the return of main() */
    }
    waitpid(pid, NULL, 0);
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
