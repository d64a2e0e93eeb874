/*
 * models: run one task in the six I/O models, and draw each as it ran.
 *
 *     make models
 *
 * The six are steps of the lessons: a message comes late on one socket, while
 * requests come on another. Each runs by itself under trace() (trace.h), and
 * is drawn: here, by figure.h, and in build/models.svg, by page.h, for a
 * browser or a slide. Look at who sleeps until the message comes, and what
 * else gets done meanwhile. Every number is that of this run.
 *
 * Exit status: 0; 1: a program is missing, or has failed (the others are
 * drawn); 77: the system does not let us trace. The notes: 五种模型的比较.
 */
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
#include "figure.h"
#include "page.h"

enum {
    NOT_ALLOWED = 77, /* exit status, as test suites have it: skip */
    NARROWEST = 80, WIDEST = 200, /* columns */
    STEP = 50,        /* ms: the scale ends at a multiple of it */
    MOST_SLEEPS = 8,  /* rows of a model in the table */
};

static struct model {
    const char *name, *program, *part;
    struct run run;
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

static struct run *running;
static char ending[TEXT]; /* of the program that runs: "exit 0" */

/* ----------------------------------------------------------- the runs */

static void tell(const struct event *e)
{
    if (e->what == END && e->pid == running->pid && e->tid == e->pid)
        snprintf(ending, sizeof ending, "%s", e->asked);
    keep(running, e);
}

/* In the child: become the program, whose complaints go to COMPLAINTS. */
static _Noreturn void become(const struct model *m, int gate, int complaints)
{
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0);
    dup2(nothing, 1);
    dup2(complaints, 2);
    close(nothing);
    close(complaints);
    if (trace_gate(gate) < 0)
        _exit(NOT_ALLOWED);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* whatever trace() has blocked */
    for (int fd = 3; fd < 1024; fd++)
        close(fd); /* so that its own have the same numbers each time */
    execl(m->program, m->program, m->part, NULL);
    warn("%s", m->program);
    _exit(127);
}

/* Its first line of complaint, or how it has ended. */
static void why(struct run *run, int complaints)
{
    ssize_t n = read(complaints, run->trouble, sizeof run->trouble - 1);
    run->trouble[n > 0 ? n : 0] = '\0';
    run->trouble[strcspn(run->trouble, "\n")] = '\0';
    if (run->trouble[0] == '\0')
        snprintf(run->trouble, sizeof run->trouble, "it ended: %.99s", ending);
}

/* Run one. False: it has failed. (77, "not here", is none of its faults.) */
static bool watch(struct model *m)
{
    int gate[2], complaints[2];
    running = &m->run;
    *running = (struct run){ .name = m->name, .has_message = true };
    snprintf(ending, sizeof ending, "before it began");
    if (access(m->program, X_OK) < 0) {
        snprintf(running->trouble, sizeof running->trouble, "%s: %s",
                 m->program, strerror(errno));
        return false;
    }
    if (pipe(gate) < 0 || pipe(complaints) < 0)
        err(1, "pipe");
    pid_t pid = running->pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0) {
        close(gate[1]);
        close(complaints[0]);
        become(m, gate[0], complaints[1]);
    }
    close(gate[0]);
    close(complaints[1]);
    if (trace(pid, gate[1], tell) < 0)
        err(NOT_ALLOWED, "no tracing here (ptrace)");
    if (strcmp(ending, "exit 0") != 0)
        why(running, complaints[0]);
    close(complaints[0]);
    examine(running);
    if (running->trouble[0] == '\0' && (running->message < 0 ||
                                        running->taken < 0))
        snprintf(running->trouble, sizeof running->trouble,
                 "no message came to it");
    return running->trouble[0] == '\0' || strcmp(ending, "exit 77") == 0;
}

/* ---------------------------------------------------------- the table */

struct sleep { /* one call of one thread, summed up */
    int lane;
    char who[24], where[32];
    double ms;
};

static void add_sleep(struct sleep *sleeps, int *n, int lane,
                      const char *where, double ms)
{
    int i = 0;
    while (i < *n && (sleeps[i].lane != lane ||
                      strcmp(sleeps[i].where, where) != 0))
        i++;
    if (i == MOST_SLEEPS)
        return;
    struct sleep *s = &sleeps[i];
    if (i == *n) {
        *s = (struct sleep){ .lane = lane };
        snprintf(s->where, sizeof s->where, "%s", where);
        snprintf(s->who, sizeof s->who, lane == 0 ? "main" :
                 lane == MOST_LANES ? "nobody" : "thread %d", lane + 1);
        (*n)++;
    }
    s->ms += ms;
}

/* Who has slept, where, how long: by threads; what is less than 1 ms in all
   is left out. How many there are. */
static int sleeps_of(const struct run *run, struct sleep *sleeps)
{
    struct sleep all[MOST_SLEEPS];
    int n = 0, kept = 0;
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (is_wait(p))
            add_sleep(all, &n, p->lane, call_name(p->event), p->event->asleep);
        else if (p->kind == IN_RING)
            add_sleep(all, &n, MOST_LANES, "its ring", p->end - p->start);
    }
    for (int lane = 0; lane <= MOST_LANES; lane++)
        for (int i = 0; i < n; i++)
            if (all[i].lane == lane && all[i].ms >= 1)
                sleeps[kept++] = all[i];
    return kept;
}

/* The columns behind that: on the page, and as text in two lines. */
static const struct column {
    double x;
    const char *title;
    int width;
    const char *upper, *lower;
} table[] = {
    { 1130, "done meanwhile", 7, "done", "early" },
    { 1300, "longest wait", 7, "worst", "wait" },
    { 1450, "calls", 6, "", "calls" },
    { 1555, "refused", 6, "re-", "fused" },
    { 1645, "signals", 5, "sig-", "nals" },
    { 1755, "threads", 5, "thr-", "eads" },
};
enum { COLUMNS = sizeof table / sizeof *table };

static const char *cell(const struct run *run, int column)
{
    static char text[32];
    const int counts[] = { run->calls, run->in_vain, run->signals,
                           run->lanes + run->more };
    if (column == 0)
        snprintf(text, sizeof text, "%d of %d", run->early, run->requests);
    else if (column == 1)
        snprintf(text, sizeof text, "%.1f", run->patience);
    else
        snprintf(text, sizeof text, "%d", counts[column - 2]);
    return text;
}

/* The name in two parts: "multiplexed" and "(select)". */
static void text_row(const struct model *m)
{
    const struct run *run = &m->run;
    struct sleep sleeps[MOST_SLEEPS];
    int n = sleeps_of(run, sleeps);
    const char *name = strchr(m->name, ' ') + 1, *who = "";
    if (run->trouble[0] != '\0') {
        printf("%s: see above\n", name);
        return;
    }
    for (int i = 0; i < n; i++) {
        int length = i > 1 ? 0 : (int)strcspn(name, "(");
        printf("%-14.*s%-9s%-14s%4.0f ms", i == 1 ? 13 : length, name,
               strcmp(who, sleeps[i].who) != 0 ? sleeps[i].who : "",
               sleeps[i].where, sleeps[i].ms);
        for (int k = 0; k < COLUMNS && i == 0; k++)
            printf("%*s", table[k].width, cell(run, k));
        printf("\n");
        who = sleeps[i].who;
        name += i == 0 ? length : 0;
    }
}

static void text_table(void)
{
    printf("%-14s%-9s%-21s", "", "", "");
    for (int k = 0; k < COLUMNS; k++)
        printf("%*s", table[k].width, table[k].upper);
    printf("\n%-14s%-9s%-21s", "", "who", "sleeps in");
    for (int k = 0; k < COLUMNS; k++)
        printf("%*s", table[k].width, table[k].lower);
    printf("\n");
    for (int i = 0; i < MODELS; i++)
        text_row(&models[i]);
    printf("Done early: requests read before the message came. Worst wait: ms "
           "that one lay\nunread. Calls: those that xray tells of, since 0 "
           "ms, but for close().\nAt 250 ms the requests' sender closes.\n");
}

enum { ROW = 27, PROGRAM = 296, WHO = 476 }; /* units of the page; x */

static void page_row(FILE *out, const struct model *m, double y)
{
    const struct run *run = &m->run;
    struct sleep sleeps[MOST_SLEEPS];
    char text[TEXT * MOST_SLEEPS] = "", *end = text;
    int n = sleeps_of(run, sleeps);
    page_rule(out, MARGIN, y - ROW + 8, PAGE_WIDTH - 2 * MARGIN);
    page_text(out, "head", MARGIN, y, m->name);
    page_text(out, "cell", MARGIN + PROGRAM, y, strrchr(m->program, '/') + 1);
    for (int i = 0; i < n; i++) {
        bool again = i > 0 && sleeps[i - 1].lane == sleeps[i].lane;
        end += snprintf(end, TEXT, "%s%s%s%s %.0f ms",
                        i == 0 ? "" : again ? ", " : "; ",
                        again ? "" : sleeps[i].who, again ? "" : ": ",
                        sleeps[i].where, sleeps[i].ms);
    }
    if (run->trouble[0] != '\0')
        return;
    page_text(out, "cell", MARGIN + WHO, y, text);
    for (int k = 0; k < COLUMNS; k++)
        page_text(out, "cell", MARGIN + table[k].x, y, cell(run, k));
}

static void page_table(FILE *out, double y)
{
    page_text(out, "note", MARGIN + PROGRAM, y, "program");
    page_text(out, "note", MARGIN + WHO, y, "who sleeps, where, how long");
    for (int k = 0; k < COLUMNS; k++)
        page_text(out, "note", MARGIN + table[k].x, y, table[k].title);
    for (int i = 0; i < MODELS; i++)
        page_row(out, &models[i], y += ROW);
    page_text(out, "dim", MARGIN, y + 34, "Done meanwhile: requests read "
              "before the message came. Longest wait: ms that one of them "
              "lay unread. Calls: since 0 ms, but for close(); each takes some "
              "0.05 ms more as it is watched. At 250 ms the requests' sender "
              "closes.");
}

/* ----------------------------------------------------------- the page */

/* Of the two figures that stand side by side. */
static double tallest(int i)
{
    double a = page_height(&models[i].run);
    double b = page_height(&models[i + 1].run);
    return a > b ? a : b;
}

static void page_head(FILE *out, double height)
{
    const char *title = "Six I/O models, one task";
    char where[512];
    struct utsname machine;
    uname(&machine);
    snprintf(where, sizeof where, "A message comes late on one socket, while "
             "requests come on another. Drawn from real runs under ptrace, on "
             "%s %s, %s.", machine.sysname, machine.release, machine.machine);
    page_begin(out, height, title);
    page_text(out, "title", MARGIN, 50, title);
    page_text(out, "note", MARGIN, 80, where);
    page_legend(out, true, MARGIN, 112);
}

static void write_page(const char *file, double to)
{
    enum { SLIDE = 1080, HEADER = 124, BETWEEN = 10, GUTTER = 52 };
    double width = (PAGE_WIDTH - 2 * MARGIN - GUTTER) / 2.0, y = HEADER;
    double height = HEADER + (MODELS + 1) * ROW + 2 * MARGIN - 16;
    FILE *out = fopen(file, "w");
    if (!out)
        err(1, "%s", file);
    for (int i = 0; i < MODELS; i += 2)
        height += BETWEEN + tallest(i);
    page_head(out, height < SLIDE ? SLIDE : height);
    for (int i = 0; i < MODELS; i++) {
        page_figure(out, &models[i].run, to,
                    MARGIN + (i % 2) * (width + GUTTER), y, width);
        y += i % 2 == 1 ? BETWEEN + tallest(i - 1) : 0;
    }
    page_table(out, y + ROW / 2.0);
    page_end(out);
    if (fclose(out) != 0)
        err(1, "%s", file);
}

static int terminal_width(void)
{
    struct winsize size;
    int columns = NARROWEST;
    if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > columns)
        columns = size.ws_col > WIDEST ? WIDEST : size.ws_col;
    return columns;
}

/* To the kit's folder, above our own. */
static void go_home(const char *self)
{
    char *folder = strdup(self), *slash = strrchr(folder, '/');
    if (slash) {
        strcpy(slash, "/..");
        if (chdir(folder) < 0)
            err(1, "%s", folder);
    }
    free(folder);
}

int main(int argc, char **argv)
{
    const char *file = "build/models.svg";
    double to = 0;
    int failed = 0, width = terminal_width();
    bool colours = isatty(1) && getenv("NO_COLOR") == NULL;
    if (argc > 1) {
        fprintf(stderr, "usage: models   (writes %s, too)\n", file);
        return 2;
    }
    go_home(argv[0]);
    for (int i = 0; i < MODELS; i++) {
        failed |= !watch(&models[i]);
        to = models[i].run.end > to ? models[i].run.end : to;
    }
    to = STEP * (double)((int)(to / STEP) + 1);
    text_legend(stdout, colours);
    text_axis(stdout, to, width, colours);
    for (int i = 0; i < MODELS; i++)
        text_figure(stdout, &models[i].run, to, width, colours);
    text_axis(stdout, to, width, colours);
    printf("\n");
    text_table();
    if (mkdir("build", 0777) < 0 && errno != EEXIST)
        err(1, "build");
    fflush(stdout);
    write_page(file, to);
    printf("\nThe same as a page, for a browser or a slide: %s\n", file);
    return failed;
}
