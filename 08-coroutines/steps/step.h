/*
 * step.h: what the steps of this lesson have in common.
 *
 * A step includes this file, ../co.h and system headers, nothing else, and
 * begins with
 *
 *     begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
 *
 * A function that has the name of one in server.c does the same as that one.
 */
#ifndef STEP_H
#define STEP_H

#include "../co.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---------------------------------------------------------- coroutines */

/* co_new(); the step ends if there is no memory for a stack. */
static inline struct co *make_co(const char *name, void *(*run)(void *value))
{
    struct co *co = co_new(name, run);
    if (co == NULL)
        err(1, "co_new: %s", name);
    return co;
}

/* co_spawn(); the step ends if there is no memory for a stack. */
static inline struct co *spawn(const char *name, void *(*run)(void *arg),
                               void *arg)
{
    struct co *co = co_spawn(name, run, arg);
    if (co == NULL)
        err(1, "co_spawn: %s", name);
    return co;
}

/* Run this function in COUNT coroutines. Return when all have ended. */
static inline void run_coroutines(int count, void *(*run)(void *unused))
{
    for (int i = 0; i < count; i++)
        spawn("one of some", run, NULL);
    co_join_all();
}

#endif
