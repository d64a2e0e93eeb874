/*
 * play: play one scene against a server, show it, and check what comes back.
 *
 *     clients/play [--step] [--pace SECONDS] [--all] [--quiet] [--xray]
 *                  [--server PATH] [--timeout SECONDS] FILE.play
 *
 *     --step      wait for Enter after each sentence, for a class
 *     --pace S    seconds between two lines (0.8 on a terminal, else 0); after
 *                 a sentence as long as it takes to read it, or until Enter
 *     --all       show every line of the log, also of a flood
 *     --quiet     show nothing but what went wrong
 *     --xray      show the server's system calls among the lines of its log,
 *                 as clients/xray prints them; "see" does not look at these.
 *                 Where xray cannot trace, play says so and plays without
 *     --server P  start P in the place of the scene's program (or $SERVER)
 *     --timeout S how long to wait for what is expected (5)
 *
 * FILE may be "-", standard input. scene.md explains what a scene can say;
 * --help prints the form of each action. The server and all processes of its
 * group end when play ends, also by kill -9.
 *
 * Exit status: 0 all came as expected; 1 it did not, or the server did not
 * start, or the output could not be written; 2 wrong usage, or a mistake in
 * FILE (play reads all of it before it starts anything); 128 + N signal N
 * ended play (130: Ctrl-C).
 *
 * Look at play_scene(), which does one action of the scene after the other;
 * then at stage_turn() in stage.c, the loop.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "actions.h"
#include "columns.h"
#include "where.h"

enum {
    MOST_FDS = 256,      /* fds above are not closed in the server */
    SOURCE_BYTES = 60,   /* of an action, where it failed */
    LAST_LINES = 10,     /* of the log are printed when the scene fails */
    LOG_COLUMNS = 200,   /* of such a line */
    DEFAULT_TIMEOUT = 5, /* seconds */
};

static const double DEFAULT_PACE = 0.8; /* seconds, on a terminal */

struct options {
    bool step, all, quiet, xray;
    double pace; /* -1: not given */
    double timeout;
    const char *program, *file;
};

/* ------------------------------------------------------------ the options */

static _Noreturn void usage(FILE *to, int status)
{
    fputs("usage: play [--step] [--pace SECONDS] [--all] [--quiet] [--xray]\n"
          "            [--server PATH] [--timeout SECONDS] FILE.play\n", to);
    if (status == 0) {
        fputs("\na scene has one action a line, or several with ';' between "
              "them\n(A: a client; BYTES: \"text\" or N \"text\"; TIME: 300ms "
              "or 1.5s):\n\n", to);
        scene_print_forms(to, "    ");
    }
    fputs("clients/scene.md explains each word of a scene\n", to);
    exit(status);
}

static double seconds_in(const char *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= 0 && value <= 3600)
        return value;
    fprintf(stderr, "play: --%s must be seconds, 0 to 3600, not '%s'\n",
            option, text);
    usage(stderr, 2);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option names[] = {
        { "step", no_argument, NULL, 's' },
        { "pace", required_argument, NULL, 'p' },
        { "all", no_argument, NULL, 'a' },
        { "quiet", no_argument, NULL, 'q' },
        { "xray", no_argument, NULL, 'x' },
        { "server", required_argument, NULL, 'S' },
        { "timeout", required_argument, NULL, 't' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct options o = { .pace = -1, .timeout = DEFAULT_TIMEOUT,
                         .program = getenv("SERVER") };
    int letter;
    while ((letter = getopt_long(argc, argv, "h", names, NULL)) != -1)
        switch (letter) {
        case 's': o.step = true; break;
        case 'p': o.pace = seconds_in("pace", optarg); break;
        case 'a': o.all = true; break;
        case 'q': o.quiet = true; break;
        case 'x': o.xray = true; break;
        case 'S': o.program = optarg; break;
        case 't': o.timeout = seconds_in("timeout", optarg); break;
        case 'h': usage(stdout, 0);
        default: usage(stderr, 2);
        }
    if (optind + 1 != argc)
        usage(stderr, 2);
    o.file = argv[optind];
    if (o.program != NULL && o.program[0] == '\0')
        o.program = NULL;
    return o;
}

/* ----------------------------------------------------------- how it begins */

/* If fd 0, 1 or 2 is closed /dev/null gets its number, so that no socket does.
   All other fds are closed in the server: its first own fd is 3. */
static void prepare_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
    for (fd = STDERR_FILENO + 1; fd < MOST_FDS; fd++)
        fd_close_on_exec(fd);
}

/* The path of xray, which is in the directory of play. */
static const char *xray_beside(const char *play)
{
    static char path[4096];
    const char *slash = strrchr(play, '/');
    snprintf(path, sizeof path, "%.*sxray",
             slash == NULL ? 0 : (int)(slash + 1 - play), play);
    return path;
}

/* Can xray trace a program here? It says no by exit status 77. */
static bool can_trace(const char *xray)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execl(xray, xray, "-q", "--", "true", (char *)NULL);
        _exit(1);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return !WIFEXITED(status) || WEXITSTATUS(status) != 77;
}

/* The file that this process runs. Where there is no /proc, PATH is "". */
static struct {
    char path[PATH_MAX];
    struct stat was;
} own;

/* Returns the directory of the kit, or NULL. */
static const char *note_own_file(void)
{
    static char kit[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own.path, sizeof own.path - 1);
    own.path[n < 0 ? 0 : n] = '\0';
    if (n <= 0 || stat(own.path, &own.was) < 0)
        return NULL;
    strcpy(kit, own.path);
    for (int i = 0; i < 2 && strrchr(kit, '/') != NULL; i++)
        *strrchr(kit, '/') = '\0';
    return kit[0] == '\0' ? NULL : kit;
}

/* Is the file still the same? A server could replace it by a program that
   praises every server. */
static bool check_own_file(void)
{
    struct stat is;
    if (own.path[0] == '\0' ||
        (stat(own.path, &is) == 0 && is.st_dev == own.was.st_dev &&
         is.st_ino == own.was.st_ino && is.st_size == own.was.st_size &&
         is.st_mtime == own.was.st_mtime))
        return true;
    return fail("the program of play was changed meanwhile: %s\n"
                "  build it again: make -B clients/play", own.path);
}

static bool set_stage(struct stage *s, const struct scene *scene,
                      const struct options *o, const char *play)
{
    if (!screen_begin(&s->screen, scene->clients, scene->n_clients, o->quiet))
        return false;
    s->scene = scene;
    s->quiet = o->quiet;
    s->kit = note_own_file();
    s->timeout = o->timeout;
    s->program = o->program;
    s->pace = o->pace >= 0 ? o->pace
            : s->screen.terminal && !o->quiet ? DEFAULT_PACE : 0;
    s->screen.log = &s->child.log;
    s->screen.all = o->all;
    bool traces = o->xray && can_trace(xray_beside(play));
    s->screen.calls = traces;
    s->child.xray = traces ? xray_beside(play) : NULL;
    return peers_begin(&s->peers, scene->clients, scene->n_clients) &&
           child_prepare(&s->child) && stage_catch_signals();
}

/* ------------------------------------------------------ time to read */

/* For --step: wait until somebody types Enter. At the end of the input *STEP
   becomes false: play does not wait again. */
static bool wait_for_enter(struct stage *s, bool *step)
{
    struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
    struct screen *screen = &s->screen;
    char c = 0;
    if (screen->terminal &&
        !screen_print(screen, "%s     [Enter]%s ", screen_style(screen, DIM),
                      screen_style(screen, PLAIN)))
        return false;
    screen_hush(screen, true);
    do {
        while (poll(&in, 1, 0) == 0)
            if (!stage_turn(s, 0.05))
                return false;
        *step = read(STDIN_FILENO, &c, 1) == 1;
    } while (*step && c != '\n');
    screen_hush(screen, false);
    bool enter_is_seen = *step && isatty(STDIN_FILENO);
    return !screen->terminal || enter_is_seen || screen_print(screen, "\n");
}

/* Let SECONDS pass, or less: until somebody types Enter. */
static bool let_read(struct stage *s, double seconds)
{
    struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
    double end = now() + seconds;
    char c = 0;
    if (tcgetpgrp(STDIN_FILENO) != getpgrp())
        in.fd = -1; /* not our terminal now: read() would stop play */
    while (c != '\n' && now() < end) {
        if (!stage_turn(s, 0.05))
            return false;
        if (poll(&in, 1, 0) > 0 && read(in.fd, &c, 1) != 1)
            return true;
    }
    return true;
}

/* Seconds to read a text: at a pace of 0.8 one second for three words, or for
   nine Chinese characters. */
static double reading_time(const struct stage *s, const char *text)
{
    return s->pace * (2 + 0.4 * columns_of(text) / 6);
}

/* -------------------------------------------------------------- the scene */

static bool play_action(struct stage *s, const struct action *a, bool *step)
{
    bool sentence = a->verb == SAY || a->verb == ASK;
    if (!a->joined && !sentence && !stage_pass(s, s->pace))
        return false;
    if (!act(s, a))
        return false;
    if (sentence && *step)
        return wait_for_enter(s, step);
    if (sentence && s->pace > 0)
        return let_read(s, reading_time(s, a->text) *
                           (a->verb == ASK ? 2 : 1));
    return true;
}

/* Check that no client got more than it expected, and end the server. */
static bool end_scene(struct stage *s)
{
    for (size_t i = 0; i < s->peers.n; i++)
        if (!peer_check_surplus(&s->peers.all[i]))
            return false;
    return (s->child.pid == 0 || stage_end_server(s)) && check_own_file();
}

/* Print the last line. A scene that checks nothing is no success. */
static bool show_verdict(struct stage *s)
{
    struct screen *screen = &s->screen;
    const char *bold = screen_style(screen, BOLD);
    const char *plain = screen_style(screen, PLAIN);
    double seconds = now() - screen->started;
    if (!screen_held_back(screen))
        return false;
    if (s->n_checks == 0)
        return screen_print(screen, "\n%s%s: nothing was checked%s in %.1f s: "
                            "no expect, see, silent, idle or memory\n", bold,
                            s->scene->file, plain, seconds);
    return screen_print(screen, "\n%s%s%s: all as expected%s%s: %d %s in "
                        "%.1f s\n", bold, screen->utf8 ? "✓ " : "",
                        s->scene->file, plain, s->n_skipped == 0 ? ""
                        : ", but for what was skipped", s->n_checks,
                        s->n_checks == 1 ? "check" : "checks", seconds);
}

/* Play all of the scene. False: it failed at *AT. */
static bool play_scene(struct stage *s, const struct options *o,
                       const struct action **at)
{
    static struct action end = { .source = "(the end of the scene)" };
    const struct scene *scene = s->scene;
    const struct action *last = scene->actions + scene->n_actions;
    bool step = o->step;
    *at = scene->actions;
    s->screen.started = now();
    if (!screen_title(&s->screen, scene->title))
        return false;
    if (o->xray && s->child.xray == NULL && ++s->n_skipped > 0 &&
        !stage_warn(s, "skipped here: the system calls; xray cannot trace "
                    "the server (ptrace)"))
        return false;
    for (; *at < last; ++*at)
        if (!play_action(s, *at, &step) ||
            ((*at + 1 == last || !(*at)[1].joined) && !stage_settle(s)))
            return false;
    end.line = scene->n_lines;
    *at = &end;
    return end_scene(s) && show_verdict(s);
}

/* ------------------------------------------------------------ how it ends */

/* The same line, but for numbers (ports, fds)? */
static bool alike(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    for (;;) {
        size_t skipped = strspn(a, digits);
        a += skipped;
        if ((skipped > 0) != (strspn(b, digits) > 0))
            return false;
        b += strspn(b, digits);
        if (*a != *b || *a == '\0')
            return *a == *b;
        a++;
        b++;
    }
}

/* Print a line of the log, or as much of it as can be read. */
static void print_log_line(struct screen *screen, const char *line)
{
    int used;
    const char *text = screen_text(screen, line);
    size_t fits = columns_fit(text, LOG_COLUMNS, &used);
    fprintf(stderr, "    %.*s%s\n", (int)fits, text,
            text[fits] == '\0' ? "" : dots);
}

/* Print the end of the log. Lines that are alike count as one. */
static void print_log_end(struct screen *screen, const struct log *log)
{
    size_t kept = log_kept(log, log->first), begin = log->n, next;
    for (int i = 0; i < LAST_LINES && begin > kept; i++)
        for (begin--; begin > kept && alike(log_line(log, begin - 1),
                                            log_line(log, begin)); begin--) {
        }
    if (begin < log->n)
        fprintf(stderr, "  the end of its log:\n");
    for (size_t i = begin; i < log->n; i = next) {
        for (next = i + 1; next < log->n &&
             alike(log_line(log, i), log_line(log, next)); next++) {
        }
        print_log_line(screen, log_line(log, i));
        if (next - i == 2)
            print_log_line(screen, log_line(log, i + 1));
        else if (next - i > 2)
            fprintf(stderr, "    (%zu more like this)\n", next - i - 1);
    }
}

/* Print on standard error where the scene failed, what was wanted and what
   came, WHERE the server was then or how it ended, and the end of its log. */
static void report(struct stage *s, const struct action *at,
                   const char *where)
{
    const struct child *c = &s->child;
    struct screen *screen = &s->screen;
    screen->colours = screen->colours && isatty(STDERR_FILENO);
    int shown = SOURCE_BYTES; /* but a character is not torn apart */
    while (shown < (int)strlen(at->source) &&
           (at->source[shown] & 0xc0) == 0x80)
        shown--;
    fprintf(stderr, "\n%s%s%s:%d: %.*s%s%s\n  ",
            screen_style(screen, WRONG), screen->utf8 ? "✗ " : "",
            s->scene->file, at->line, shown, at->source,
            (int)strlen(at->source) > shown ? dots : "",
            screen_style(screen, PLAIN));
    print_text(stderr, failure());
    putc('\n', stderr);
    if (c->ended)
        fprintf(stderr, "  the server has ended: %s\n",
                child_how_it_ended(c));
    else if (where[0] != '\0')
        fprintf(stderr, "  %s\n", where);
    print_log_end(screen, &c->log);
}

/* Print why the scene failed. If nobody reads our output any more (head, less)
   print nothing. Returns the exit status. */
static int say_why(struct stage *s, const struct action *at)
{
    char why[FAILURE_BYTES], where[WHERE_BYTES] = "";
    int number = stage_ending();
    if (number != 0) {
        bool any = s->child.pid != 0, sent_it = stage_server_sent_it(s);
        child_kill(&s->child); /* first: the next call may wait */
        fprintf(stderr, "\nplay: %s%s%s\n", signal_name(number),
                sent_it ? ", which the server has sent" : "",
                any ? "; the server is ended" : "");
        return 128 + number;
    }
    if (s->screen.error != 0) {
        if (s->screen.error != EPIPE)
            warnx("%s", failure());
        return 1;
    }
    snprintf(why, sizeof why, "%s", failure());
    if (s->child.pid != 0 && !s->child.ended)
        where_look(where, s->child.pid, s->child.port, &s->peers);
    child_read_last_words(&s->child);
    if (screen_log(&s->screen) && screen_held_back(&s->screen))
        fail("%s", why);
    report(s, at, where);
    return 1;
}

int main(int argc, char **argv)
{
    static struct stage stage; /* static, as it has 2 MB */
    static struct scene scene;
    const struct action *at;
    prepare_fds();
    struct options o = read_options(argc, argv);
    if (!scene_read(&scene, o.file)) {
        print_text(stderr, failure());
        putc('\n', stderr);
        _exit(2); /* the kernel frees what the scene has allocated */
    }
    if (!set_stage(&stage, &scene, &o, argv[0]))
        errx(1, "%s", failure());
    int status = play_scene(&stage, &o, &at) ? 0 : say_why(&stage, at);
    if (!child_finish(&stage.child))
        warnx("some processes of the server do not end");
    if (status > 128) { /* end by the signal: then a shell's loop ends, too */
        signal(status - 128, SIG_DFL);
        raise(status - 128);
    }
    _exit(status); /* all is written, or cannot be: exit() would try again */
}
