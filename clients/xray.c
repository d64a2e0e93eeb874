/*
 * xray: run a program and print its I/O calls as they happen: did the call
 * sleep, copy data, or refuse?
 *
 *     clients/xray [-o FILE] [--svg FILE] [--summary] [-q] -- COMMAND...
 *
 *     -o FILE      print to FILE, not to standard error
 *     --svg FILE   at the end, draw the run: a page for a browser. It shows
 *                  the first 10,000 events and 8 threads, but no child process
 *     --summary    at the end, print for each call how often COMMAND called
 *                  it, how long it slept, and how many bytes it copied
 *     -q           print only the summary
 *
 *     clients/xray -- 03-select/server            and a client beside it
 *     make 03-select XRAY=1                       in a scene
 *
 * COMMAND keeps its pid, its files, its signals and its exit status. It gets
 * slower, by some 50 microseconds a call. One more thing differs, as under any
 * tracer: a signal that COMMAND ignores interrupts the call that it is in (so
 * epoll_wait() fails with EINTR when a child ends). The lines of xray and of
 * COMMAND come in the order in which things happen:
 *
 *     03-select/server.c:129: 127.0.0.1:39686: accept: fd 4
 *     xray          0.512 ms: select(3, 4 readable?) sleeps ...
 *     xray        302.131 ms: select(3, 4 readable?) slept 301 ms: 4 readable
 *     xray        302.298 ms: recv(4) copied 5 bytes
 *
 * The time is that of the call's end, since COMMAND was started. "sleeps"
 * comes when a call has slept for 20 ms and still sleeps. When COMMAND starts
 * a second thread or process, lines begin with the thread id. xray counts what
 * COMMAND writes to standard output and standard error, but does not print it
 * again. trace.h says which calls xray reports, and how it knows that a call
 * slept. Look at print_call().
 *
 * Exit status: that of COMMAND. If COMMAND did not run, standard error says
 * why: 77 the system does not allow tracing; 127 there is no such program; 126
 * the program cannot run; 2 wrong usage; 1 another error.
 */
#include "figure-svg.h"
#include "svg.h"
#include "timeline.h"
#include "trace.h"
#include "xray-summary.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

enum {
    NOT_ALLOWED = 77, /* exit status; test suites take it for "skip" */
    FDS = 65536,      /* the tracer closes all that are below this one */
};

enum colour { PLAIN, DIM, YELLOW, GREEN, BLUE, MAGENTA };

static FILE *out, *svg; /* svg: NULL, if there is no page to draw */
static struct timeline timeline;
static bool prints_calls = true, prints_summary, colours;
static int width;       /* of the number in "xray NUMBER ms:" */
static pid_t main_thread;
static bool several;    /* there was another thread, too */

/* ---------------------------------------------------------- the lines */

static const char *in(enum colour colour)
{
    static const char *const codes[] = {
        "\033[0m", "\033[2m", "\033[33m", "\033[32m", "\033[34m", "\033[35m",
    };
    return colours ? codes[colour] : "";
}

/* The call, and what it did with its time. */
static void print_call(const struct event *e)
{
    fprintf(out, "%s(%s)", e->name, e->arguments);
    if (e->kind == CALL_SLEEPS) {
        fprintf(out, " %ssleeps ...%s", in(BLUE), in(PLAIN));
        return;
    }
    bool seconds = e->asleep_ms >= 9999; /* %.4g would print 1e+04 ms */
    if (e->slept)
        fprintf(out, " %sslept %.4g %s%s%s", in(BLUE),
                e->asleep_ms / (seconds ? 1000 : 1), seconds ? "s" : "ms",
                in(PLAIN), e->bytes >= 0 || e->failed ? "," : "");
    if (e->unfinished)
        fprintf(out, " and its thread ends");
    else if (e->refused)
        fprintf(out, " %srefused: %s%s", in(YELLOW), e->detail, in(PLAIN));
    else if (e->failed)
        fprintf(out, " %s%s", strcmp(e->detail, "interrupted") == 0 ? ""
                : "failed: ", e->detail);
    else if (e->bytes >= 0)
        fprintf(out, " %scopied %s%s", in(GREEN), e->detail, in(PLAIN));
    else if (e->detail[0] != '\0')
        fprintf(out, ": %s", e->detail);
}

/* The end of the main thread is printed only if a signal caused it: its exit
   status is the exit status of xray. */
static bool is_printed(const struct event *e)
{
    return !e->is_log && e->kind != ALL_ENDED &&
           strcmp(e->name, "program") != 0 &&
           (e->kind != THREAD_ENDS || e->tid != main_thread ||
            strncmp(e->detail, "by ", 3) == 0);
}

static void print_event(const struct event *e)
{
    fprintf(out, "%sxray%*.3f ms:%s ", in(DIM), width, e->end, in(PLAIN));
    if (several)
        fprintf(out, "[%d] ", e->tid);
    if (e->kind == SIGNAL_COMES)
        fprintf(out, "%s%s%s comes%s%s", in(MAGENTA), e->name, in(PLAIN),
                e->detail[0] != '\0' ? " " : "", e->detail);
    else if (e->kind == THREAD_BEGINS)
        fprintf(out, "a %s begins", e->name);
    else if (e->kind == THREAD_ENDS)
        fprintf(out, "the %s ends: %s", e->name, e->detail);
    else
        print_call(e);
    fprintf(out, "\n");
    fflush(out); /* before COMMAND goes on: so the lines stay in order */
}

/* -------------------------------------------------------- the events */

static void draw_page(void)
{
    timeline_build(&timeline);
    svg_begin(svg, svg_figure_height(&timeline) + 3 * MARGIN, timeline.name);
    svg_legend(svg, false, MARGIN, MARGIN);
    svg_figure(svg, &timeline, timeline.end, MARGIN, 2 * MARGIN,
               PAGE_WIDTH - 2 * MARGIN);
    svg_end(svg);
    fflush(svg);
}

static void on_event(const struct event *e)
{
    if (main_thread == 0)
        main_thread = e->tid;
    if (e->tid != main_thread && e->kind != ALL_ENDED)
        several = true;
    if (e->kind == CALL_ENDS && prints_summary)
        summary_add(e);
    if (prints_calls && is_printed(e))
        print_event(e);
    if (svg)
        timeline_add(&timeline, e);
    if (e->kind == ALL_ENDED && prints_summary) {
        summary_print(out);
        fflush(out);
    }
    if (e->kind == ALL_ENDED && svg)
        draw_page();
}

/* ------------------------------------------------------- the processes */

/* In the tracer: keep no fd of COMMAND, so that a pipe's reader sees its end
   when COMMAND closes it; and receive none of COMMAND's signals. */
static void leave_command(int gate)
{
    int svg_fd = svg ? fileno(svg) : -1;
    setsid();
    signal(SIGPIPE, SIG_IGN); /* COMMAND goes on when our reader has gone */
    for (int fd = 0; fd < FDS; fd++)
        if (fd != fileno(out) && fd != svg_fd && fd != gate)
            close(fd);
}

/* Start the tracer as a grandchild. Its parent ends at once, so the tracer is
   no child of this process, which becomes COMMAND: COMMAND must not find a
   child that it did not make. */
static void start_tracer(int gate)
{
    pid_t command = getpid(), child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0) {
        if (fork() == 0) {
            leave_command(gate);
            trace(command, gate, on_event);
        }
        _exit(0);
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    /* If SIGCHLD is blocked, the child's is pending now: discard it. */
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    signal(SIGCHLD, before);
}

/* --------------------------------------------------------- the options */

static _Noreturn void usage(FILE *to, int status)
{
    fputs("usage: xray [-o FILE] [--svg FILE] [--summary] [-q] -- COMMAND...\n"
          "  -o FILE     print to FILE, not to standard error\n"
          "  --svg FILE  at the end, draw the run: a page for a browser\n"
          "  --summary   at the end, print for each call how often COMMAND "
          "called it,\n"
          "              how long it slept, and how many bytes it copied\n"
          "  -q          print only the summary\n"
          "xray reports calls that can wait, and calls on sockets, pipes and "
          "terminals;\nnot calls on files on disk.\n", to);
    exit(status);
}

/* The FILE of an option. */
static const char *file_name(const char *option, const char *name)
{
    if (name == NULL || strcmp(name, "--") == 0) {
        fprintf(stderr, "xray: %s needs a FILE\n", option);
        usage(stderr, 2);
    }
    return name;
}

static void open_files(const char *lines, const char *page)
{
    out = lines ? fopen(lines, "we")
                : fdopen(fcntl(2, F_DUPFD_CLOEXEC, 3), "w");
    if (!out)
        err(1, "%s", lines ? lines : "standard error");
    svg = page ? fopen(page, "we") : NULL;
    if (page && !svg)
        err(1, "%s", page);
    colours = isatty(fileno(out)) && getenv("NO_COLOR") == NULL;
}

/* Returns COMMAND and its arguments. */
static char **read_options(char **argv)
{
    const char *lines = NULL, *page = NULL;
    for (; *argv && (*argv)[0] == '-' && strcmp(*argv, "--") != 0; argv++)
        if (strcmp(*argv, "-o") == 0) {
            lines = file_name("-o", *++argv);
        } else if (strcmp(*argv, "--svg") == 0) {
            page = file_name("--svg", *++argv);
        } else if (strcmp(*argv, "--summary") == 0) {
            prints_summary = true;
        } else if (strcmp(*argv, "-q") == 0) {
            prints_calls = false;
            prints_summary = true;
        } else if (strcmp(*argv, "-h") == 0 || strcmp(*argv, "--help") == 0) {
            usage(stdout, 0);
        } else {
            fprintf(stderr, "xray: '%s' is no option\n", *argv);
            usage(stderr, 2);
        }
    if (*argv && strcmp(*argv, "--") == 0)
        argv++;
    if (!*argv) {
        fprintf(stderr, "xray: COMMAND is missing\n");
        usage(stderr, 2);
    }
    open_files(lines, page);
    return argv;
}

int main(int argc, char **argv)
{
    int gate[2];
    (void)argc;
    argv = read_options(argv + 1);
    timeline = (struct timeline){ .name = argv[0], .pid = getpid() };
    /* Align our texts with those of the log, "03-select/server.c:129: ". */
    width = (int)strlen(argv[0]) - 1;
    width = width < 11 || width > 24 ? 11 : width;
    if (getpid() == 1) /* the tracer, an orphan, would become its child */
        errx(NOT_ALLOWED, "no tracing of process 1 (start it from a shell)");
    if (pipe(gate) < 0)
        err(1, "pipe");
#ifdef PR_SET_PTRACER
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* for Yama: allow */
#endif
    start_tracer(gate[1]);
    close(gate[1]);
    if (wait_for_tracer(gate[0]) < 0)
        err(NOT_ALLOWED, "no tracing here (ptrace)");
#ifdef PR_SET_PTRACER
    prctl(PR_SET_PTRACER, 0, 0, 0, 0); /* now no other */
#endif
    execvp(argv[0], argv);
    int status = errno == ENOENT ? 127 : 126;
    warn("%s", argv[0]);
    _exit(status);
}
