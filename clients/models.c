/*
 * models: run one task in six I/O models, and draw what each run did.
 *
 *     make models
 *
 * The six programs are steps of the lessons: a message comes late on one
 * socket, while requests come on another. Each program runs by itself under
 * trace() (trace.h). Its figure is drawn here as text (figure-text.h), and on
 * the page build/models.svg (figure-svg.h), for a browser or a slide. Compare
 * which call sleeps until the message comes, and what the program does
 * meanwhile. Every number comes from this run.
 *
 * Exit status: 0; 1: a program is missing or failed (the others are drawn);
 * 77: the system does not allow tracing; 2: wrong usage. The notes:
 * 五种模型的比较.
 */
#include "figure-svg.h"
#include "figure-text.h"
#include "figure.h"
#include "svg.h"
#include "timeline.h"
#include "trace.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
    NOT_ALLOWED = 77, /* exit status; test suites take it for "skip" */
    NARROWEST = 80,   /* columns, even on a narrower terminal */
    WIDEST = 200,     /* columns, even on a wider one */
    AXIS_STEP = 50,   /* ms: the time axis ends at a multiple of it */
    MOST_SLEEPS = 8,  /* a model has at most so many rows in the table */
    FDS = 1024,       /* a program inherits none from 3 to this one */
};

static struct model {
    const char *name, *program, *part; /* part: its argument, or NULL */
    struct timeline timeline;
} models[] = {
    { .name = "1 blocking", .program = "01-blocking/steps/01h-late" },
    { .name = "2 non-blocking", .program = "02-nonblocking/steps/02g-late" },
    { .name = "3 multiplexed (select)",
      .program = "03-select/steps/03m-late" },
    { .name = "4 signal-driven (SIGIO)", .part = "1",
      .program = "02-nonblocking/steps/02f-signal-driven" },
    { .name = "5 asynchronous (POSIX aio)", .part = "1",
      .program = "07-threads-procs/steps/07p-aio" },
    { .name = "6 asynchronous (io_uring)", .part = "1",
      .program = "05-epoll/steps/05h-io-uring" },
};
enum { MODELS = sizeof models / sizeof *models };

/* For on_event(): the timeline of the program that runs, and its end. */
static struct timeline *current;
static char exit_status[TEXT]; /* "exit 0" */

/* ------------------------------------------------------------ the runs */

static void on_event(const struct event *e)
{
    if (e->kind == THREAD_ENDS && e->pid == current->pid && e->tid == e->pid)
        snprintf(exit_status, sizeof exit_status, "%s", e->detail);
    timeline_add(current, e);
}

/* In the child: become the program. Its error messages go to ERRORS. */
static _Noreturn void exec_program(const struct model *m, int gate, int errors)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;
    dup2(null, 0);
    dup2(null, 1);
    dup2(errors, 2);
    if (wait_for_tracer(gate) < 0)
        _exit(NOT_ALLOWED);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* trace() has blocked SIGALRM */
    for (int fd = 3; fd < FDS; fd++)
        close(fd); /* so that its sockets have the same fds in each run */
    execl(m->program, m->program, m->part, NULL);
    warn("%s", m->program);
    _exit(127);
}

/* Start the program and trace it to its end. Its error messages are in the
   pipe that this returns. */
static int trace_program(const struct model *m)
{
    int gate[2], errors[2];
    if (pipe(gate) < 0 || pipe(errors) < 0)
        err(1, "pipe");
    pid_t pid = current->pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0) {
        close(gate[1]);
        close(errors[0]);
        exec_program(m, gate[0], errors[1]);
    }
    close(gate[0]);
    close(errors[1]);
    if (trace(pid, gate[1], on_event) < 0)
        err(NOT_ALLOWED, "no tracing here (ptrace)");
    return errors[0];
}

/* Why the program failed: the first line of its error messages, if any. */
static void read_error(char *text, int errors)
{
    ssize_t n = read(errors, text, TEXT - 1);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (text[0] == '\0')
        snprintf(text, TEXT, "it ended: %.99s", exit_status);
}

/* Run one model's program. False: the program failed. (Exit status 77 is no
   failure: this system lacks what the program shows.) */
static bool run_model(struct model *m)
{
    char *error = m->timeline.error;
    m->timeline = (struct timeline){ .name = m->name, .has_message = true };
    current = &m->timeline;
    snprintf(exit_status, sizeof exit_status, "before its exec");
    if (access(m->program, X_OK) < 0) {
        snprintf(error, TEXT, "%s: %s", m->program, strerror(errno));
        return false;
    }
    int errors = trace_program(m);
    if (strcmp(exit_status, "exit 0") != 0)
        read_error(error, errors);
    close(errors);
    timeline_build(&m->timeline);
    if (error[0] == '\0' && (m->timeline.message_fd < 0 ||
                             m->timeline.received < 0))
        snprintf(error, TEXT, "it received no message");
    return error[0] == '\0' || strcmp(exit_status, "exit 77") == 0;
}

/* ----------------------------------------------------------- the table */

struct sleep { /* all sleeps of one thread in one call */
    int lane;  /* the thread's; MOST_LANES: no thread's, io_uring waits */
    char thread[24], call[LABEL];
    double ms;
};

static void add_sleep(struct sleep *sleeps, int *n, int lane, const char *call,
                      double ms)
{
    int i = 0;
    while (i < *n && (sleeps[i].lane != lane ||
                      strcmp(sleeps[i].call, call) != 0))
        i++;
    if (i == MOST_SLEEPS)
        return;
    struct sleep *s = &sleeps[i];
    if (i == *n) {
        *s = (struct sleep){ .lane = lane };
        snprintf(s->call, sizeof s->call, "%s", call);
        snprintf(s->thread, sizeof s->thread, lane == 0 ? "main" :
                 lane == MOST_LANES ? "kernel" : "thread %d", lane + 1);
        (*n)++;
    }
    s->ms += ms;
}

/* Sum up the sleeps by thread and call, in the order of the threads; leave out
   those that are below 1 ms. Returns how many are left. */
static int sum_sleeps(const struct timeline *t, struct sleep *sleeps)
{
    struct sleep all[MOST_SLEEPS];
    char label[LABEL];
    int n = 0, kept = 0;
    for (size_t i = 0; i < t->n_spans; i++) {
        const struct span *s = &t->spans[i];
        if (is_wait(s)) {
            call_label(s->event, label);
            add_sleep(all, &n, s->lane, label, s->event->asleep_ms);
        } else if (s->kind == RING_WAIT) {
            add_sleep(all, &n, MOST_LANES, "its ring", s->end - s->start);
        }
    }
    for (int lane = 0; lane <= MOST_LANES; lane++)
        for (int i = 0; i < n; i++)
            if (all[i].lane == lane && all[i].ms >= 1)
                sleeps[kept++] = all[i];
    return kept;
}

/* The further columns: on the page, and as text with a head of two lines. */
static const struct column {
    double x;
    const char *title;
    int width;
    const char *upper, *lower;
} columns[] = {
    { 1130, "done meanwhile", 7, "done", "early" },
    { 1300, "longest wait", 7, "worst", "wait" },
    { 1450, "calls", 6, "", "calls" },
    { 1555, "refused", 6, "re-", "fused" },
    { 1645, "signals", 5, "sig-", "nals" },
    { 1755, "threads", 5, "thr-", "eads" },
};
enum { COLUMNS = sizeof columns / sizeof *columns, CELL = 32 };

/* Write the value of a column to CELL bytes. */
static void print_cell(const struct timeline *t, int column, char *text)
{
    const int counts[] = { t->calls, t->eagain_count, t->signals,
                           t->n_lanes + t->n_hidden };
    if (column == 0)
        snprintf(text, CELL, "%d of %d", t->early, t->requests);
    else if (column == 1)
        snprintf(text, CELL, "%.1f", t->longest_unread);
    else
        snprintf(text, CELL, "%d", counts[column - 2]);
}

/* A row of the table as text, with a line for each sleep. The name comes in
   two parts: "multiplexed" on the first line, "(select)" on the second. */
static void print_row(const struct model *m)
{
    struct sleep sleeps[MOST_SLEEPS];
    int n = sum_sleeps(&m->timeline, sleeps);
    const char *name = strchr(m->name, ' ') + 1, *thread = "";
    char text[CELL];
    if (m->timeline.error[0] != '\0') {
        printf("%s: see above\n", name);
        return;
    }
    for (int i = 0; i < n; i++) {
        int length = i > 1 ? 0 : (int)strcspn(name, "(");
        printf("%-14.*s%-9s%-14s%4.0f ms", i == 1 ? 13 : length, name,
               strcmp(thread, sleeps[i].thread) != 0 ? sleeps[i].thread : "",
               sleeps[i].call, sleeps[i].ms);
        for (int k = 0; k < COLUMNS && i == 0; k++) {
            print_cell(&m->timeline, k, text);
            printf("%*s", columns[k].width, text);
        }
        printf("\n");
        thread = sleeps[i].thread;
        name += i == 0 ? length : 0;
    }
}

static void print_table(void)
{
    printf("%-14s%-9s%-21s", "", "", "");
    for (int k = 0; k < COLUMNS; k++)
        printf("%*s", columns[k].width, columns[k].upper);
    printf("\n%-14s%-9s%-21s", "", "thread", "sleeps in");
    for (int k = 0; k < COLUMNS; k++)
        printf("%*s", columns[k].width, columns[k].lower);
    printf("\n");
    for (int i = 0; i < MODELS; i++)
        print_row(&models[i]);
    printf("Done early: requests that were read before the message arrived. "
           "Worst wait: the\nlongest time, in ms, that a request was unread. "
           "Calls: those that xray reports,\nfrom 0 ms on, without close(). "
           "At 250 ms the sender of the requests closes.\n");
}

/* ------------------------------------------------------------ the page */

enum { ROW = 27, PROGRAM = 296, THREAD = 476 }; /* units: height of a row, x */

static void cell(FILE *out, const char *class, double x, double y,
                 const char *text)
{
    svg_text(out, class, MARGIN + x, y, "start", text);
}

static void draw_row(FILE *out, const struct model *m, double y)
{
    struct sleep sleeps[MOST_SLEEPS];
    char text[TEXT * MOST_SLEEPS] = "", *end = text;
    int n = sum_sleeps(&m->timeline, sleeps);
    svg_rule(out, MARGIN, y - ROW + 8, PAGE_WIDTH - 2 * MARGIN);
    cell(out, "head", 0, y, m->name);
    cell(out, "cell", PROGRAM, y, strrchr(m->program, '/') + 1);
    if (m->timeline.error[0] != '\0')
        return;
    for (int i = 0; i < n; i++) {
        bool same = i > 0 && sleeps[i - 1].lane == sleeps[i].lane;
        end += snprintf(end, TEXT, "%s%s%s%s %.0f ms",
                        i == 0 ? "" : same ? ", " : "; ",
                        same ? "" : sleeps[i].thread, same ? "" : ": ",
                        sleeps[i].call, sleeps[i].ms);
    }
    cell(out, "cell", THREAD, y, text);
    for (int k = 0; k < COLUMNS; k++) {
        print_cell(&m->timeline, k, text);
        cell(out, "cell", columns[k].x, y, text);
    }
}

static void draw_table(FILE *out, double y)
{
    cell(out, "note", PROGRAM, y, "program");
    cell(out, "note", THREAD, y,
         "which thread sleeps in which call, and how long");
    for (int k = 0; k < COLUMNS; k++)
        cell(out, "note", columns[k].x, y, columns[k].title);
    for (int i = 0; i < MODELS; i++)
        draw_row(out, &models[i], y += ROW);
    cell(out, "dim", 0, y + 30, "Done meanwhile: requests that were read "
         "before the message arrived. Longest wait: the longest time, in ms, "
         "that a request was unread.");
    cell(out, "dim", 0, y + 52, "Calls: from 0 ms on, without close(); "
         "tracing adds some 0.05 ms to each. At 250 ms the sender of the "
         "requests closes.");
}

/* How high the row of the figures I and I + 1 is. */
static double row_height(int i)
{
    double left = svg_figure_height(&models[i].timeline);
    double right = svg_figure_height(&models[i + 1].timeline);
    return left > right ? left : right;
}

static void draw_head(FILE *out, double height)
{
    const char *title = "Six I/O models, one task";
    char text[512];
    struct utsname machine;
    uname(&machine);
    snprintf(text, sizeof text, "A message comes late on one socket, while "
             "requests come on another. Drawn from real runs under ptrace, on "
             "%s %s, %s.", machine.sysname, machine.release, machine.machine);
    svg_begin(out, height, title);
    cell(out, "title", 0, 50, title);
    cell(out, "note", 0, 80, text);
    svg_legend(out, true, MARGIN, 112);
}

/* Where the page goes: into build/, or into a new folder below TMPDIR if the
   kit belongs to another user. */
static const char *page_path(void)
{
    static char path[4096];
    const char *tmp = getenv("TMPDIR");
    if ((mkdir("build", 0777) == 0 || errno == EEXIST) &&
        access("build", W_OK) == 0)
        return "build/models.svg";
    snprintf(path, sizeof path - strlen("/models.svg"), "%s/kit-XXXXXX",
             tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(path))
        err(1, "neither build/ nor %s can be written", path);
    return strcat(path, "/models.svg");
}

/* Another `make models` may run at the same time: write the page to a file of
   our own, then rename it. */
static void write_page(const char *file, double to)
{
    char partial[4096 + 32];
    enum { SLIDE = 1080, HEADER = 124, BETWEEN = 10, GUTTER = 52 };
    double width = (PAGE_WIDTH - 2 * MARGIN - GUTTER) / 2.0, y = HEADER;
    double height = HEADER + (MODELS + 1) * ROW + 2 * MARGIN - 16;
    snprintf(partial, sizeof partial, "%s.%ld", file, (long)getpid());
    FILE *out = fopen(partial, "w");
    if (!out)
        err(1, "%s", partial);
    for (int i = 0; i < MODELS; i += 2)
        height += BETWEEN + row_height(i);
    draw_head(out, height < SLIDE ? SLIDE : height);
    for (int i = 0; i < MODELS; i++) {
        svg_figure(out, &models[i].timeline, to,
                   MARGIN + (i % 2) * (width + GUTTER), y, width);
        y += i % 2 == 1 ? BETWEEN + row_height(i - 1) : 0;
    }
    draw_table(out, y + ROW / 2.0);
    svg_end(out);
    if (fclose(out) != 0 || rename(partial, file) < 0)
        err(1, "%s", file);
}

/* ---------------------------------------------------------------- main */

static void print_figures(double to)
{
    struct winsize size;
    bool colours = isatty(1) && getenv("NO_COLOR") == NULL;
    int width = NARROWEST;
    if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > width)
        width = size.ws_col > WIDEST ? WIDEST : size.ws_col;
    text_legend(stdout, colours);
    text_axis(stdout, to, width, colours);
    for (int i = 0; i < MODELS; i++)
        text_figure(stdout, &models[i].timeline, to, width, colours);
    text_axis(stdout, to, width, colours);
    printf("\n");
}

/* To the folder of the kit, above the folder of this program. */
static void change_to_kit(const char *self)
{
    char *folder = strdup(self), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash) {
        strcpy(slash, "/..");
        if (chdir(folder) < 0)
            err(1, "%s", folder);
    }
    free(folder);
}

int main(int argc, char **argv)
{
    double to = 0;
    bool failed = false;
    if (argc > 1)
        errx(2, "unexpected argument '%s'\nusage: clients/models   (it draws "
             "on the terminal and in build/models.svg)", argv[1]);
    change_to_kit(argv[0]);
    for (int i = 0; i < MODELS; i++) {
        failed |= !run_model(&models[i]);
        to = models[i].timeline.end > to ? models[i].timeline.end : to;
    }
    to = AXIS_STEP * (double)((int)(to / AXIS_STEP) + 1);
    print_figures(to);
    print_table();
    fflush(stdout);
    const char *file = page_path();
    write_page(file, to);
    printf("\nThe same as a page, for a browser or a slide: %s\n", file);
    return failed;
}
