/* actions: what each verb of a scene does. See actions.h. */
#include "actions.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "client-actions.h"
#include "pattern.h"
#include "proc.h"

enum {
    TEXT_BYTES = 120,    /* a text that is drawn; the rest is cut */
    PATH_BYTES = 4096,   /* a path; the rest is cut */
    TYPED_BYTES = 4096,  /* in one write() to the server's stdin */
    LOOK_AT = 50,       /* lines of the log, then look at the clock */
};

static const double BEFORE_IDLE = 0.02; /* seconds, then idle measures */
static const double IDLE_WITHIN = 2;    /* seconds until a server must idle */

static const struct label type_label = { "type:", BOLD };
static const struct label signal_label = { "signal:", BOLD };

/* ------------------------------------------------------------- the server */

static bool do_sentence(struct stage *s, const struct action *a)
{
    return screen_sentence(&s->screen, a->text, a->verb == ASK);
}

static bool do_limit(struct stage *s, const struct action *a)
{
    char text[TEXT_BYTES];
    if ((rlim_t)a->number > s->child.files.rlim_max)
        return fail("the system allows %lu files",
                    (unsigned long)s->child.files.rlim_max);
    s->files = a->number;
    snprintf(text, sizeof text, "may open %ld files", s->files);
    return screen_note(&s->screen, text);
}

/* The program to start: the one that the user named; else PROGRAM, beside the
   scene; else (PROGRAM is NULL, and the scene is DIR/NAME.play) DIR/NAME if it
   exists, or DIR/server. */
static char *program_path(const struct stage *s, const char *program)
{
    static char path[PATH_BYTES];
    const char *file = s->scene->file, *slash = strrchr(file, '/');
    const char *base = slash == NULL ? file : slash + 1;
    int directory = (int)(base - file);
    size_t stem = strlen(base);
    if (stem > 5 && strcmp(base + stem - 5, ".play") == 0)
        stem -= 5;
    if (s->program != NULL) {
        snprintf(path, sizeof path, "%s", s->program);
    } else if (program != NULL) {
        snprintf(path, sizeof path, "%.*s%s", program[0] == '/' ? 0
                 : directory, file, program);
    } else {
        snprintf(path, sizeof path, "%.*s", directory + (int)stem, file);
        if (access(path, X_OK) < 0)
            snprintf(path, sizeof path, "%.*sserver", directory, file);
    }
    return path;
}

/* Draw the command, if the scene gives it arguments. */
static bool draw_command(struct stage *s, const struct action *a)
{
    char text[200];
    char **argument = a->arguments + (a->verb == SERVER ? 3 : 1);
    int n = snprintf(text, sizeof text, "$ %s", a->arguments[0]);
    if (*argument == NULL)
        return true;
    for (; *argument != NULL && n < (int)sizeof text; argument++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %s", *argument);
    return screen_note(&s->screen, text);
}

/* "server" waits until the server listens, "run" does not. */
static bool do_server(struct stage *s, const struct action *a)
{
    if (s->child.pid != 0 && !stage_end_server(s))
        return false;
    s->server_path = a->arguments[0] = program_path(s, a->text);
    s->may_end = a->verb == RUN;
    s->memory = 0;
    s->seen = s->child.log.n;
    return draw_command(s, a) &&
           child_start(&s->child, a->arguments, s->files) &&
           (a->verb == RUN || stage_await_port(s));
}

static bool need_server(const struct stage *s)
{
    return (s->child.pid != 0 && !s->child.ended) ||
           fail("the server is not running any more");
}

/* Write N bytes to the server's standard input, before the time END. */
static bool type(struct stage *s, const char *bytes, size_t n, double end)
{
    for (size_t done = 0; done < n;) {
        ssize_t typed = write(s->child.keyboard, bytes + done, n - done);
        if (typed < 0 && (errno != EAGAIN || now() >= end))
            return fail("type: %s", strerror(errno));
        if (typed < 0 && !stage_turn(s, 0.01))
            return false;
        done += typed < 0 ? 0 : (size_t)typed;
    }
    return true;
}

static bool do_type(struct stage *s, const struct action *a)
{
    char text[TEXT_BYTES], chunk[TYPED_BYTES];
    double end = now() + s->timeout;
    if (!need_server(s) ||
        !screen_client(&s->screen, type_label, TO_SERVER, bytes_quote(
                           text, sizeof text, &a->bytes)))
        return false;
    for (size_t done = 0, n; done < bytes_total(&a->bytes); done += n) {
        n = bytes_slice(&a->bytes, done, chunk, sizeof chunk);
        if (!type(s, chunk, n, end))
            return false;
    }
    return true;
}

static bool do_type_eof(struct stage *s, const struct action *a)
{
    (void)a;
    if (!need_server(s))
        return false;
    close(s->child.keyboard);
    s->child.keyboard = -1;
    return screen_client(&s->screen, type_label, TO_SERVER, "end of file");
}

/* Compare the new lines of the log with the pattern, a part of them. *LINE is
   the next; returns whether the pattern matches the one before that. */
static bool look(struct stage *s, const regex_t *pattern, size_t *line)
{
    const struct log *log = &s->child.log;
    for (int n = 0; n < LOOK_AT && *line < log->n; n++) {
        const char *text = log_line(log, *line = log_kept(log, *line));
        ++*line;
        if (!screen_is_call(&s->screen, text) &&
            pattern_matches(pattern, text))
            return true;
    }
    return false;
}

/* Look through the log, from the line behind the one that the last "see" has
   found. */
static bool do_see(struct stage *s, const struct action *a)
{
    regex_t pattern;
    char why[200];
    double end = now() + s->timeout;
    size_t i = s->seen;
    bool found, goes_on = true;
    if (!pattern_begin(&pattern, a->text, why, sizeof why))
        return fail("%s", why);
    while (!(found = look(s, &pattern, &i)) && goes_on) {
        bool behind = i < s->child.log.n;
        if (now() >= end || (!behind && s->child.output < 0))
            goes_on = fail("no line of the log matches %s", quote(
                               why, sizeof why, a->text, strlen(a->text)));
        else
            goes_on = stage_turn(s, behind ? 0 : end - now());
    }
    pattern_end(&pattern);
    s->seen = found ? i : s->seen;
    return found && stage_checked(s);
}

static bool do_signal(struct stage *s, const struct action *a)
{
    if (!need_server(s) ||
        !screen_client(&s->screen, signal_label, TO_SERVER, a->text))
        return false;
    if (a->number != SIGSTOP && a->number != SIGCONT)
        s->may_end = true;
    kill(s->child.pid, (int)a->number);
    return true;
}

/* Send a signal to the process that serves the client: the server itself, or a
   process that it has started. */
static bool do_signal_client(struct stage *s, const struct action *a)
{
    char text[TEXT_BYTES];
    const struct peer *p = &s->peers.all[a->client];
    if (!need_server(s))
        return false;
    pid_t pid = proc_serving(s->child.pid, s->child.port, p->port);
    if (pid == 0)
        return fail("/proc shows no process of the server that has %s's "
                    "connection open", p->name);
    snprintf(text, sizeof text, "%s, to %s's process", a->text, p->name);
    if (!screen_client(&s->screen, signal_label, TO_SERVER, text))
        return false;
    s->may_end = s->may_end || pid == s->child.pid;
    kill(pid, (int)a->number);
    return true;
}

/* Wait for the end of the server, and of all processes that it has started;
   then compare its status. */
static bool do_expect_end(struct stage *s, const struct action *a)
{
    if (!stage_await_end(s, s->timeout))
        return false;
    const struct child *c = &s->child;
    if (a->verb == EXPECT_EXIT && c->exit_status != a->number)
        return fail("wanted  exit status %ld\n  and got  %s", a->number,
                    child_how_it_ended(&s->child));
    if (a->verb == EXPECT_KILLED && c->killed_by != a->number)
        return fail("wanted  killed by %s\n  and got  %s",
                    signal_name((int)a->number),
                    child_how_it_ended(&s->child));
    if (!screen_note(&s->screen, child_how_it_ended(&s->child)))
        return false;
    child_kill(&s->child);
    return stage_checked(s);
}

/* ------------------------------------------------ what the server uses */

/* Let SECONDS pass, and measure what the server uses. */
static bool measure(struct stage *s, double seconds, struct usage *usage)
{
    struct usage before;
    if (!need_server(s))
        return false;
    proc_usage(s->child.pid, &before);
    if (!stage_pass(s, seconds) || !stage_check_alive(s))
        return false;
    proc_usage(s->child.pid, usage);
    usage->cpu -= before.cpu;
    usage->sleeps -= before.sleeps;
    if (usage->sleeps < 0) /* threads have ended: theirs are not counted */
        usage->sleeps = 0;
    return true;
}

/* Measure until the server used no CPU for as long as the scene says. It may
   take a while: the server may have work left. */
static bool do_idle(struct stage *s, const struct action *a)
{
    struct usage used;
    char text[TEXT_BYTES];
    double end = now() + stage_within(s, IDLE_WITHIN);
    if (!stage_pass(s, BEFORE_IDLE))
        return false;
    do {
        if (!measure(s, a->seconds, &used))
            return false;
    } while (used.cpu > 0 && now() < end);
    if (used.cpu > 0)
        return fail("wanted  no use of the CPU in %g s\n"
                    "  and got  %.3f ms of it; the server went to sleep %ld "
                    "times", a->seconds, used.cpu * 1000, used.sleeps);
    snprintf(text, sizeof text, "asleep: no CPU used in %g s", a->seconds);
    return screen_note(&s->screen, text) && stage_checked(s);
}

static bool do_measure(struct stage *s, const struct action *a)
{
    struct usage used;
    char text[TEXT_BYTES];
    if (!measure(s, a->seconds, &used))
        return false;
    if (used.sleeps == 0 && used.cpu > 0)
        snprintf(text, sizeof text, "in %g s: never slept, %.0f ms of CPU",
                 a->seconds, used.cpu * 1000);
    else
        snprintf(text, sizeof text, "in %g s: woke up %ld times, %.1f ms of "
                 "CPU", a->seconds, used.sleeps, used.cpu * 1000);
    return screen_note(&s->screen, text);
}

static bool do_memory(struct stage *s, const struct action *a, long memory)
{
    char text[TEXT_BYTES];
    long more = memory - s->memory;
    if (more > a->number)
        return fail("wanted  at most %ld KiB more memory than when it was "
                    "ready\n  and got  %ld KiB more", a->number, more);
    snprintf(text, sizeof text, "%ld KiB more memory than at the start", more);
    return screen_note(&s->screen, text) && stage_checked(s);
}

/* idle, measure, memory: if the system tells. */
static bool do_measurement(struct stage *s, const struct action *a)
{
    struct usage usage;
    if (!need_server(s))
        return false;
    if (!proc_usage(s->child.pid, &usage))
        return screen_note(&s->screen, "cannot be measured on this system");
    return a->verb == IDLE      ? do_idle(s, a)
         : a->verb == MEASURE ? do_measure(s, a)
                              : do_memory(s, a, usage.memory);
}

static bool do_wait(struct stage *s, const struct action *a)
{
    return stage_pass(s, a->seconds);
}

/* ------------------------------------------------------- verb to function */

bool act(struct stage *s, const struct action *a)
{
    static bool (*const functions[VERBS])(struct stage *,
                                          const struct action *) = {
        [SAY] = do_sentence, [ASK] = do_sentence,
        [SERVER] = do_server, [RUN] = do_server, [LIMIT] = do_limit,
        [TYPE] = do_type, [TYPE_EOF] = do_type_eof, [SEE] = do_see,
        [SIGNAL] = do_signal, [SIGNAL_CLIENT] = do_signal_client,
        [EXPECT_EXIT] = do_expect_end, [EXPECT_KILLED] = do_expect_end,
        [IDLE] = do_measurement, [MEASURE] = do_measurement,
        [MEMORY] = do_measurement, [WAIT] = do_wait,
    };
    return functions[a->verb] != NULL ? functions[a->verb](s, a)
                                      : act_client(s, a);
}
