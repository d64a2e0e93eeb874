/*
 * xray: run a program and show its I/O calls as they happen, and what each
 * did with its time: sleep, copy, or refuse.
 *
 *     clients/xray [-o FILE] [--svg FILE] [--summary] [-q] -- COMMAND...
 *
 *     -o FILE      write there, not to standard error
 *     --svg FILE   at the end: draw it, a page for a browser (page.h); the
 *                  first 10,000 events, eight threads, no other processes
 *     --summary    at the end: how often, how long asleep, how many bytes
 *     -q           no calls; the summary alone
 *
 *     clients/xray -- 03-select/server            and a client beside it
 *     make 03-select XRAY=1                       in a scene
 *
 * COMMAND keeps its pid, its files, its signals and its exit status; it is but
 * slower (each call takes some 50 microseconds more). One thing differs, as
 * under any tracer: a signal that it ignores interrupts the call that it is in
 * (so epoll_wait() fails with EINTR when a child ends). The lines come in true
 * order with what it prints itself:
 *
 *     03-select/server.c:129: 127.0.0.1:39686: accept: fd 4
 *     xray          0.512 ms: select(3, 4 readable?) sleeps ...
 *     xray        302.131 ms: select(3, 4 readable?) slept 301 ms: 4 readable
 *     xray        302.298 ms: recv(4) copied 5 bytes
 *
 * The time is that since COMMAND was started, at the end of the call; "sleeps"
 * comes while it is asleep, after 20 ms. Once there are several threads, each
 * line begins with the number of its own. What COMMAND writes to standard
 * output and standard error is counted, but not shown twice. What else is
 * told, and how it is known, stands in trace.h.
 *
 * Exit status: COMMAND's. Else, on standard error, why it was not run: 77 the
 * system does not let us trace it; 127 there is no such program; 126 it
 * cannot be run; 2 wrong usage; 1 another fault.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>
#include "page.h"
#include "trace.h"

enum { NOT_ALLOWED = 77 }; /* exit status, as test suites have it: skip */

struct tally { /* of one call in one thread */
    pid_t tid;
    const char *name;
    long calls, slept, refused;
    double asleep; /* ms */
    long long bytes;
    bool ended_in; /* the thread, asleep in it */
};

static struct tally *tallies;
static size_t n_tallies;
static long messages; /* received: reads from a socket that brought bytes */
static FILE *out, *svg;       /* SVG: NULL, if there is to be none */
static struct run run;        /* to be drawn there */
static bool calls_too = true, summary_too, colours;
static int width;     /* of the number in "xray NUMBER ms:" */
static pid_t main_thread, other_thread; /* another that we have heard of */

/* ----------------------------------------------------------- the lines */

static const char *style(const char *codes)
{
    static char styles[4][16];
    static int next;
    char *text = styles[next++ % 4];
    snprintf(text, sizeof styles[0], "\033[%sm", codes);
    return colours ? text : "";
}

/* The call, and what it did with its time. */
static void show_call(const struct event *e)
{
    fprintf(out, "%s(%s)", e->name, e->asked);
    if (e->what == CALL_SLEEPS) {
        fprintf(out, " %ssleeps ...%s", style("34"), style("0"));
        return;
    }
    if (e->slept)
        fprintf(out, " %sslept %.4g ms%s%s", style("34"), e->asleep,
                style("0"), e->bytes >= 0 || e->failed ? "," : "");
    if (e->unfinished)
        fprintf(out, " and its thread ends");
    else if (e->refused)
        fprintf(out, " %srefused: %s%s", style("33"), e->got, style("0"));
    else if (e->failed)
        fprintf(out, " %s%s", strcmp(e->got, "interrupted") == 0 ? ""
                : "failed: ", e->got);
    else if (e->bytes >= 0)
        fprintf(out, " %scopied %s%s", style("32"), e->got, style("0"));
    else if (e->got[0] != '\0')
        fprintf(out, ": %s", e->got);
}

static void show(const struct event *e)
{
    if (e->is_log || e->tid == 0 || strcmp(e->name, "program") == 0 ||
        (e->what == END && e->tid == main_thread &&
         strncmp(e->asked, "by ", 3) != 0))
        return;
    fprintf(out, "%sxray%*.3f ms:%s ", style("2"), width, e->end, style("0"));
    if (other_thread != 0)
        fprintf(out, "[%d] ", e->tid);
    switch (e->what) {
    case CALL: case CALL_SLEEPS:
        show_call(e);
        break;
    case SIGNAL:
        fprintf(out, "%s%s%s comes%s%s", style("35"), e->name, style("0"),
                e->asked[0] != '\0' ? " " : "", e->asked);
        break;
    case BEGIN:
        fprintf(out, "a %s begins", e->name);
        break;
    case END:
        fprintf(out, "the %s ends: %s", e->name, e->asked);
        break;
    case OVER:
        break;
    }
    fprintf(out, "\n");
    fflush(out); /* before COMMAND goes on: that keeps the order */
}

/* --------------------------------------------------------- the summary */

static struct tally *tally(pid_t tid, const char *name)
{
    for (size_t i = 0; i < n_tallies; i++)
        if (tallies[i].tid == tid && strcmp(tallies[i].name, name) == 0)
            return &tallies[i];
    struct tally *more = realloc(tallies, (n_tallies + 1) * sizeof *more);
    if (!more)
        err(1, "malloc");
    tallies = more;
    tallies[n_tallies] = (struct tally){ .tid = tid, .name = name };
    return &tallies[n_tallies++];
}

static void count(const struct event *e)
{
    struct tally *t = tally(e->tid, e->is_log ? "write, log" : e->name);
    t->calls++;
    t->slept += e->slept;
    t->asleep += e->asleep;
    t->refused += e->refused;
    t->bytes += e->bytes > 0 ? e->bytes : 0;
    t->ended_in = e->unfinished;
    messages += e->on_socket && e->bytes > 0 &&
                (strncmp(e->name, "recv", 4) == 0 ||
                 strncmp(e->name, "read", 4) == 0);
}

/* All threads' tallies of one call in one. */
static struct tally sum_of(const char *name)
{
    struct tally sum = { .name = name };
    for (size_t i = 0; i < n_tallies; i++) {
        const struct tally *t = &tallies[i];
        if (strcmp(t->name, name) == 0) {
            sum.calls += t->calls;
            sum.slept += t->slept;
            sum.refused += t->refused;
            sum.asleep += t->asleep;
            sum.bytes += t->bytes;
        }
    }
    return sum;
}

static void show_sum(const char *name, const struct tally *t)
{
    fprintf(out, "%-15s %9ld %9ld %11.1f %13lld %9ld\n", name, t->calls,
            t->slept, t->asleep, t->bytes, t->refused);
}

/* What a thread has slept in, one line a call. */
static void show_sleeps(pid_t tid)
{
    for (size_t i = 0; i < n_tallies; i++) {
        const struct tally *t = &tallies[i];
        if (t->tid == tid && t->slept > 0)
            fprintf(out, "  %d %-15s %9ld %11.1f ms%s\n", tid, t->name,
                    t->slept, t->asleep, t->ended_in ? ", to its end" : "");
    }
}

static void show_summary(void)
{
    struct tally all = { .name = NULL };
    fprintf(out, "%-15s %9s %9s %11s %13s %9s\n", "call", "calls", "slept",
            "ms asleep", "bytes", "refused");
    for (size_t i = 0; i < n_tallies; i++) {
        const char *name = tallies[i].name;
        size_t first = 0;
        while (strcmp(tallies[first].name, name) != 0)
            first++;
        if (first < i)
            continue; /* its line is there */
        struct tally sum = sum_of(name);
        show_sum(name, &sum);
        all.calls += sum.calls;
        all.slept += sum.slept;
        all.asleep += sum.asleep;
        all.bytes += sum.bytes;
        all.refused += sum.refused;
    }
    show_sum("all", &all);
    long log = sum_of("write, log").calls;
    if (messages > 0)
        fprintf(out, "%ld messages received, %.2f calls for each%s\n",
                messages, (double)(all.calls - log) / (double)messages,
                log > 0 ? " (the log not counted)" : "");
    fprintf(out, "asleep in:\n");
    for (size_t i = 0; i < n_tallies; i++) {
        size_t first = 0;
        while (tallies[first].tid != tallies[i].tid)
            first++;
        if (first == i)
            show_sleeps(tallies[i].tid);
    }
    fflush(out);
}

/* ---------------------------------------------------------- the figure */

static void draw(void)
{
    examine(&run);
    page_begin(svg, page_height(&run) + 3 * MARGIN, run.name);
    page_legend(svg, false, MARGIN, MARGIN);
    page_figure(svg, &run, run.end, MARGIN, 2 * MARGIN,
                PAGE_WIDTH - 2 * MARGIN);
    page_end(svg);
    fflush(svg);
}

static void tell(const struct event *e)
{
    main_thread = main_thread != 0 ? main_thread : e->tid;
    if (e->tid != main_thread && e->tid != 0)
        other_thread = e->tid;
    if (e->what == CALL && summary_too)
        count(e);
    if (calls_too)
        show(e);
    if (svg != NULL)
        keep(&run, e);
    if (e->what == OVER && summary_too)
        show_summary();
    if (e->what == OVER && svg != NULL)
        draw();
}

/* ----------------------------------------------- the two, COMMAND and we */

/* We keep nothing that COMMAND's end should free, and hear no signal that is
   meant for it. */
static void stand_aside(int gate)
{
    int kept = fileno(out), kept_too = svg != NULL ? fileno(svg) : -1;
    setsid();
    signal(SIGPIPE, SIG_IGN); /* if nobody reads us, COMMAND goes on */
    for (int fd = 0; fd < 65536; fd++)
        if (fd != kept && fd != kept_too && fd != gate)
            close(fd);
}

/* In a process that is no child of COMMAND, lest it waits for us: watch it. */
static void watch(pid_t command, int gate)
{
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            continue;
        void (*was)(int) = signal(SIGCHLD, SIG_IGN); /* if COMMAND has it */
        signal(SIGCHLD, was);   /* blocked, it would find one of ours */
        return;
    }
    pid_t grandchild = fork();
    if (grandchild == 0) {
        stand_aside(gate);
        trace(command, gate, tell);
    }
    _exit(0);
}

static _Noreturn void usage(FILE *to, int status)
{
    fputs("usage: xray [-o FILE] [--svg FILE] [--summary] [-q] -- COMMAND...\n"
          "  -o FILE     write there, not to standard error\n"
          "  --svg FILE  draw the run, a page for a browser\n"
          "  --summary   at the end: how often, how long asleep, how many "
          "bytes\n"
          "  -q          the summary alone\n"
          "What it tells of: calls that can wait, and those on sockets, pipes "
          "and\nterminals. Files on disk are left out.\n", to);
    exit(status);
}

/* What -o and --svg write to. */
static const char *file_name(const char *option, const char *name)
{
    if (name == NULL || strcmp(name, "--") == 0) {
        fprintf(stderr, "xray: %s wants a FILE\n", option);
        usage(stderr, 2);
    }
    return name;
}

static char **read_options(char **argv)
{
    const char *file = NULL, *page = NULL;
    for (; *argv != NULL && (*argv)[0] == '-'; argv++) {
        if (strcmp(*argv, "--") == 0) {
            argv++;
            break;
        } else if (strcmp(*argv, "-o") == 0) {
            file = file_name("-o", *++argv);
        } else if (strcmp(*argv, "--svg") == 0) {
            page = file_name("--svg", *++argv);
        } else if (strcmp(*argv, "--summary") == 0) {
            summary_too = true;
        } else if (strcmp(*argv, "-q") == 0) {
            calls_too = false;
        } else if (strcmp(*argv, "-h") == 0 || strcmp(*argv, "--help") == 0) {
            usage(stdout, 0);
        } else {
            fprintf(stderr, "xray: what is %s?\n", *argv);
            usage(stderr, 2);
        }
    }
    if (*argv == NULL)
        usage(stderr, 2);
    summary_too = summary_too || !calls_too;
    out = file != NULL ? fopen(file, "we")
                       : fdopen(fcntl(2, F_DUPFD_CLOEXEC, 3), "w");
    if (out == NULL)
        err(1, "%s", file != NULL ? file : "standard error");
    if (page != NULL && (svg = fopen(page, "we")) == NULL)
        err(1, "%s", page);
    run = (struct run){ .name = argv[0], .pid = getpid() };
    colours = isatty(fileno(out)) && getenv("NO_COLOR") == NULL;
    return argv;
}

int main(int argc, char **argv)
{
    int gate[2];
    (void)argc;
    argv = read_options(argv + 1);
    width = (int)strlen(argv[0]) - 1; /* texts stand where the log's do */
    width = width < 11 || width > 24 ? 11 : width;
    if (getpid() == 1) /* the tracer would become its child */
        errx(NOT_ALLOWED, "no tracing of process 1 (start it from a shell)");
    if (pipe(gate) < 0)
        err(1, "pipe");
#ifdef PR_SET_PTRACER
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* Yama: let it */
#endif
    watch(getpid(), gate[1]);
    close(gate[1]);
    if (trace_gate(gate[0]) < 0)
        err(NOT_ALLOWED, "no tracing here (ptrace)");
#ifdef PR_SET_PTRACER
    prctl(PR_SET_PTRACER, 0, 0, 0, 0); /* ... us alone */
#endif
    execvp(argv[0], argv);
    warn("%s", argv[0]);
    _exit(errno == ENOENT ? 127 : 126);
}
