/*
 * faults-rules: which call gets which fault. faults-rules.h says what it does,
 * faults.c what the environment may have.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faults-rules.h"

enum {
    MAX_RULES = 64,
    RULES_SIZE = 2048,  /* bytes of $FAULTS */
    MAX_FDS = 65536,    /* edge-triggered ones above that are not known */
};

static const char *const call_names[CALLS] = {
    "recv", "send", "read", "write", "accept", "connect", "socket",
    "setsockopt", "close", "select", "poll", "epoll_wait", "epoll_ctl",
    "malloc", "mmap", "open", "fork", "pthread_create", "nanosleep", "waitpid",
};

static const struct { const char *name; int value; } faults[] = {
    { "short", SHORT }, { "EAGAIN", EAGAIN }, { "EINTR", EINTR },
    { "ENOMEM", ENOMEM }, { "ENOBUFS", ENOBUFS }, { "EMFILE", EMFILE },
    { "ENFILE", ENFILE }, { "ECONNABORTED", ECONNABORTED },
    { "ECONNRESET", ECONNRESET }, { "ECONNREFUSED", ECONNREFUSED },
    { "EPIPE", EPIPE }, { "ETIMEDOUT", ETIMEDOUT }, { "EINVAL", EINVAL },
    { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EFBIG", EFBIG },
    { "EPERM", EPERM }, { "EPROTO", EPROTO }, { "ENETUNREACH", ENETUNREACH },
    { "EHOSTUNREACH", EHOSTUNREACH }, { "EADDRNOTAVAIL", EADDRNOTAVAIL },
};
enum { FAULTS = sizeof faults / sizeof *faults };

static struct { enum call call; int fault, percent; } rules[MAX_RULES];
static int n_rules;
static bool named[CALLS]; /* by a rule */
static uint64_t seed = 1;
static bool logs;
static atomic_bool started;         /* there may be faults now */
static atomic_ulong counts[CALLS];  /* calls so far */

static struct state { /* see FAULTS_STATE */
    atomic_ulong off, loaded, calls, given;
} no_file, *state = &no_file;

/* What epoll watches, by fd: 0 where it is not edge-triggered. */
static struct { int epoll; struct epoll_event event; } edges[MAX_FDS];

/* ------------------------------------------------------------ the decision */

/* A number that looks random (splitmix64). */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static const char *fault_name(int fault)
{
    int i = 0;
    while (faults[i].value != fault)
        i++;
    return faults[i].name;
}

static void log_fault(enum call call, int fd, unsigned long n, int fault)
{
    char line[160];
    int length = snprintf(line, sizeof line, "faults: %s(%d), call %lu: %s\n",
                          call_names[call], fd, n, fault_name(fault));
    struct iovec bytes = { line, (size_t)length };
    REAL(writev);
    (void)!real(STDERR_FILENO, &bytes, 1);
}

bool is_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

/* Let epoll report the fd once more, if it is edge-triggered. */
static void rearm(int fd)
{
    REAL(epoll_ctl);
    if (fd >= 0 && fd < MAX_FDS && edges[fd].event.events != 0)
        real(edges[fd].epoll, EPOLL_CTL_MOD, fd, &edges[fd].event);
}

int next_fault(enum call call, int fd, bool nonblocking)
{
    if (!named[call] || !started || state->off != 0)
        return 0;
    int reason = errno, fault = 0;
    unsigned long n = ++counts[call];
    int dice = (int)(mix(seed ^ mix(((uint64_t)call << 48) + n)) % 100);
    state->calls++;
    for (int i = 0; i < n_rules && fault == 0; i++) {
        if (rules[i].call != call)
            continue;
        if (dice < rules[i].percent)
            fault = rules[i].fault;
        dice -= rules[i].percent;
    }
    if (fault == EAGAIN && fd >= 0 && !nonblocking && !is_nonblocking(fd))
        fault = 0;
    if (fault == EAGAIN || fault == SHORT)
        rearm(fd);
    if (fault != 0) {
        state->given++;
        if (logs)
            log_fault(call, fd, n, fault);
    }
    errno = reason;
    return fault;
}

void faults_start(void)
{
    started = true;
}

size_t part_of(size_t size)
{
    return size < 2 ? size : 1 + mix(seed ^ counts[RECV] ^
                                     counts[SEND] << 32) % (size - 1);
}

void watch_edges(int epoll, int fd, const struct epoll_event *event)
{
    if (fd < 0 || fd >= MAX_FDS)
        return;
    edges[fd].event.events = 0;
    if (event != NULL && (event->events & EPOLLET) != 0) {
        edges[fd].epoll = epoll;
        edges[fd].event = *event;
    }
}

void faults_of_child(unsigned long number)
{
    seed = mix(seed + number);
}

/* --------------------------------------------------------- the environment */

__attribute__((format(printf, 1, 2)))
static _Noreturn void refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("faults: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    _exit(2);
}

/* TEXT as a number from LEAST to MOST; -1: it is none. */
static long long parse_number(const char *text, long long least,
                              long long most)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    bool right = isdigit((unsigned char)*text) && *end == '\0' && errno == 0;
    return right && n >= least && n <= most ? n : -1;
}

/* RULE is CALL:FAULT=PERCENT; this cuts it into its words. */
static void add_rule(char *rule)
{
    char whole[64], *fault = strchr(rule, ':');
    char *percent = fault ? strchr(fault, '=') : NULL;
    int call = 0, i = 0;
    snprintf(whole, sizeof whole, "%s", rule);
    if (percent == NULL)
        refuse("FAULTS: '%s' is not CALL:FAULT=PERCENT", whole);
    if (n_rules == MAX_RULES)
        refuse("FAULTS: more than %d rules", MAX_RULES);
    *fault++ = *percent++ = '\0';
    while (call < CALLS && strcmp(rule, call_names[call]) != 0)
        call++;
    while (i < FAULTS && strcmp(fault, faults[i].name) != 0)
        i++;
    long long rate = parse_number(percent, 1, 100);
    if (call == CALLS)
        refuse("FAULTS: '%s': there is no call '%s'", whole, rule);
    if (i == FAULTS)
        refuse("FAULTS: '%s': there is no fault '%s'", whole, fault);
    if (rate < 0)
        refuse("FAULTS: '%s': '%s' is not a number from 1 to 100", whole,
               percent);
    if (faults[i].value == SHORT && call > WRITE)
        refuse("FAULTS: '%s': only recv, send, read and write can be short",
               whole);
    rules[n_rules].call = (enum call)call;
    rules[n_rules].fault = faults[i].value;
    rules[n_rules++].percent = (int)rate;
    named[call] = true;
}

static void check_sums(void)
{
    int sums[CALLS] = { 0 };
    for (int i = 0; i < n_rules; i++)
        if ((sums[rules[i].call] += rules[i].percent) > 100)
            refuse("FAULTS: the rules of %s have more than 100 percent",
                   call_names[rules[i].call]);
}

static void map_state(const char *file)
{
    int fd = open(file, O_RDWR | O_CLOEXEC);
    struct stat s;
    if (fd < 0 || fstat(fd, &s) < 0)
        refuse("FAULTS_STATE: %s: %s", file, strerror(errno));
    if (s.st_size < (off_t)sizeof *state)
        refuse("FAULTS_STATE: %s has not %zu bytes", file, sizeof *state);
    void *place = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED,
                       fd, 0);
    if (place == MAP_FAILED)
        refuse("FAULTS_STATE: mmap %s: %s", file, strerror(errno));
    close(fd);
    state = place;
    state->loaded++;
}

__attribute__((constructor))
static void read_environment(void)
{
    static char copy[RULES_SIZE];
    const char *text = getenv("FAULTS"), *from = getenv("FAULTS_FROM");
    const char *file = getenv("FAULTS_STATE"), *n = getenv("FAULTS_SEED");
    char *rest;
    if (text != NULL && strlen(text) >= sizeof copy)
        refuse("FAULTS has more than %d bytes", RULES_SIZE - 1);
    snprintf(copy, sizeof copy, "%s", text ? text : "");
    for (char *rule = strtok_r(copy, " \t\n", &rest); rule != NULL;
         rule = strtok_r(NULL, " \t\n", &rest))
        add_rule(rule);
    check_sums();
    if (n != NULL && parse_number(n, 0, INT64_MAX) < 0)
        refuse("FAULTS_SEED: '%s' is not a number", n);
    seed = n != NULL ? mix((uint64_t)parse_number(n, 0, INT64_MAX)) : mix(1);
    if (from != NULL && strcmp(from, "wait") != 0 && strcmp(from, "start"))
        refuse("FAULTS_FROM: '%s' is neither wait nor start", from);
    if (file != NULL)
        map_state(file);
    logs = getenv("FAULTS_LOG") != NULL;
    started = from != NULL && strcmp(from, "start") == 0;
}
