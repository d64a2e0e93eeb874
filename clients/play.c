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
 *                 as clients/xray tells them; "see" does not look at these
 *     --server P  start P in the place of the scene's program (or $SERVER)
 *     --timeout S how long to wait for what is expected (5)
 *
 * FILE may be "-", standard input. Exit status: 0 all came as expected; 1 it
 * did not, or the server could not be started, or the screen not be written;
 * 2 wrong usage or a mistake in FILE, whose line is named before anything is
 * started; 130 interrupted. However play ends, what it started ends with it:
 * by kill -9 the server's process group, else also what has left the group.
 *
 * A scene has one doing a line; "#" starts a comment. BYTES is "text" with
 * the escapes of C, or N "text": N times that text. TIME is 300ms or 1.5s.
 *
 *     say TEXT                  a sentence to read: the rest of the line
 *     ask TEXT                  a question: what will happen?
 *     server [ARGS]             start the server on a free port: DIR/NAME for
 *                               DIR/NAME.play, or else DIR/server; wait until
 *                               it listens
 *     run PROGRAM [ARGS]        start a program that lies beside FILE
 *     limit N                   it may open N files (before server or run)
 *     A connect                 a client appears: any capitalised word
 *     A send BYTES [every TIME] what the kernel has no room for now is sent
 *                               later, while the scene goes on; every: one
 *                               byte at a time; or urgent: out of band
 *     A expect BYTES            exactly these come, in time; A reads only now
 *     A expect eof              ... the end of file;   A expect reset: a RST
 *     A silent TIME             nothing comes for so long
 *     A shut                    sends no more, still reads (half-close)
 *     A close                   closes;                A reset: with a RST
 *     crowd N                   N more clients connect, and stay
 *     crowd send BYTES          each one sends;        crowd expect BYTES
 *     crowd N send BYTES expect BYTES                  ... all in one line
 *     crowd leaves              they close;            crowd resets: by RST
 *     type BYTES                to the server's keyboard;  type eof: its end
 *     see "REGEX"               the log must show it (regex(7), extended);
 *                               lines that an earlier see has passed are past
 *     signal NAME               TERM, INT, STOP, CONT, ... to the server
 *     signal NAME A             ... to that process of it which serves A
 *     expect exit N             it ends by itself, with this status;
 *     expect killed NAME        it is ended by this signal
 *     idle TIME                 it must come to rest, within 2 s or so, and
 *                               then not use the CPU for so long, at all
 *     measure TIME              say how often it wakes and what CPU it uses
 *     memory N                  it may have N KiB more in memory (resident)
 *                               than when it was ready
 *     wait TIME                 let time pass
 *
 * "X; Y" does both with nothing in between. When a scene ends, no client that
 * expected something may have got more than that, and the server gets SIGTERM
 * (so does one when the next is started): it has to end, by it or with exit
 * status 0, and to leave no process behind.
 */
#define _GNU_SOURCE /* wcwidth() and memmem(), in glibc */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

enum {
    CHUNK = 64 * 1024,      /* bytes: of one recv or send */
    LINE_MAX_BYTES = 1000,  /* of a log line; a longer one is cut in two */
    LOG_LINES = 32768,      /* that see can look back on */
    SHOWN_LINES = 6,        /* of the log after one doing, without --all: */
    SHOWN_LAST = 4,         /* the first and the last of them */
    WITH_CALLS = 4,         /* times as many with --xray */
    LAST_LINES = 10,        /* of the log, told when something fails */
    WORDS = 64,             /* in a line of the scene */
    CONNECTING = 128,       /* of a crowd, at the same time */
    SETTLE_MS = 3,          /* the log is quiet for so long: next line */
    SETTLE_SLOWLY_MS = 25,  /* ... when somebody watches */
    TIME_COLUMNS = 7,       /* of the screen */
};

struct bytes {
    char *text;
    size_t length; /* of text */
    size_t times;  /* it is repeated */
};

struct sending { /* what a client still has to send */
    struct sending *next;
    struct bytes bytes;
    bool urgent;
};

enum hearing { DEAF, BYTES, END, RST, NOTHING }; /* what a client waits for */

struct player { /* a client */
    char name[24];
    int colour; /* an index; -1: one of the crowd */
    int fd;     /* -1: not connected */
    bool connecting;
    bool shut_after; /* everything is sent */
    bool expects;    /* so it may not get more than that */
    bool was_reset;  /* the kernel has said so, once, to connect or send */
    struct sending *queue;
    size_t sent; /* of the first in the queue */
    enum hearing hearing;
    struct bytes wanted;
    size_t heard; /* of it */
};

struct action { /* a doing of the scene */
    int line;
    const char *source; /* as it is written */
    bool joined;        /* by ";": nothing comes in between */
    void (*act)(const struct action *);
    size_t who; /* the client */
    struct bytes bytes, wanted;
    double seconds;
    long number;
    bool urgent;
    const char *text;
    regex_t regex;
    char **argv;
};

/* The scene */
static const char *file;  /* its name */
static const char *title; /* its first comment, or the name */
static struct action *actions;
static size_t n_actions;
static const struct action *current =
    &(struct action){ .source = "(the start)" }; /* the doing at hand */
static struct player *players;       /* the named ones, then the crowd */
static size_t n_players, n_named;
static size_t owner[65536]; /* by port: 1 + the index of the player there */
static int n_checks;

/* The options */
static bool step, all, quiet, xray;
static double pace = -1, timeout = 5;
static const char *program; /* --server */
static char xray_path[4096];

/* The server */
static pid_t server; /* and its process group; 0: none */
static const char *server_path;
static bool ended;   /* ... by itself, with status */
static int status;
static bool may_end;      /* a signal was sent, or it is not a server */
static int port;          /* 0: it does not listen yet */
static int log_fd = -1;   /* its stdout and stderr */
static int keyboard = -1; /* its stdin */
static int guard = -1;    /* to the process that ends it if we are killed */
static pid_t guard_pid;
static bool adopts;       /* processes that have lost their parent */
static long memory_when_ready; /* KiB */
static long fd_limit;     /* for it; 0: as ours */
static struct rlimit our_limit;

/* Its log: the last LOG_LINES lines */
static char *log_lines[LOG_LINES];
static double log_times[LOG_LINES];
static size_t n_lines;    /* ever read */
static size_t first_line; /* of this server */
static size_t see_from;   /* the first line that see has not passed */
static char partial[LINE_MAX_BYTES + 1];
static size_t partial_length;

/* The screen */
static bool colours, utf8, terminal;
static int columns = 100, lane; /* of all, of the clients' lane */
static size_t shown;            /* log lines since the last doing */
static bool hushed;             /* the others wait while somebody reads */
static double shown_at;         /* when it happened; 0: now */
static double started;

static int signals[2]; /* a pipe: the handler writes, the loop reads */

static _Noreturn void finish(int exit_status);
static void take_signals(void);

/* ---------------------------------------------------------------- tools */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *grown(void *old, size_t size)
{
    void *new = realloc(old, size);
    if (new == NULL)
        err(1, "no memory");
    return new;
}

static size_t total(const struct bytes *b)
{
    return b->length * b->times;
}

/* The bytes from OFFSET on, as many as are left and fit. */
static size_t slice(const struct bytes *b, size_t offset, char *to, size_t max)
{
    size_t n = total(b) - offset;
    if (n > max)
        n = max;
    for (size_t i = 0, at = offset % b->length; i < n; i++) {
        to[i] = b->text[at];
        if (++at == b->length)
            at = 0;
    }
    return n;
}

/* "text\n" as C would write it, cut to about SIZE. Returns TO. */
static char *quoted(char *to, size_t size, const char *bytes, size_t length)
{
    static const char codes[] = "\a\b\t\n\v\f\r\"\\", names[] = "abtnvfr\"\\";
    size_t n = 0;
    to[n++] = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        const char *code = c == 0 ? NULL : strchr(codes, c);
        if (n + 10 > size) {
            n += (size_t)sprintf(to + n, utf8 ? "…" : "...");
            break;
        }
        if (code != NULL)
            n += (size_t)sprintf(to + n, "\\%c", names[code - codes]);
        else if (c < ' ' || c > '~')
            n += (size_t)sprintf(to + n, "\\x%02x", c);
        else
            to[n++] = (char)c;
    }
    to[n++] = '"';
    to[n] = '\0';
    return to;
}

static char *quoted_bytes(char *to, size_t size, const struct bytes *b)
{
    int n = b->times == 1 ? 0 : snprintf(to, size, "%zu ", b->times);
    quoted(to + n, size - (size_t)n, b->text, b->length);
    return to;
}

/* --------------------------------------------------------------- screen */

static const char *style(const char *codes)
{
    static char sequence[4][24];
    static int next;
    if (!colours)
        return "";
    next = (next + 1) % 4;
    snprintf(sequence[next], sizeof sequence[next], "\033[%sm", codes);
    return sequence[next];
}

/* A client's colour: of middle brightness, for dark and for light screens. */
static const char *colour_of(const struct player *p)
{
    static const char *const palette[] = {
        "1;38;5;33", "1;38;5;170", "1;38;5;71",
        "1;38;5;172", "1;38;5;37", "1;38;5;135",
    };
    return p->colour < 0 ? "1" : palette[p->colour % 6];
}

/* The character at S: its columns (-1: not to be shown), its *LENGTH in
   bytes. */
static int character(const char *s, size_t *length)
{
    wchar_t wide;
    mbstate_t state = { 0 };
    size_t n = mbrtowc(&wide, s, MB_CUR_MAX, &state);
    bool valid = n > 0 && n <= MB_CUR_MAX;
    *length = valid ? n : 1;
    return valid ? wcwidth(wide) : -1;
}

static int width_of(const char *s)
{
    int width = 0;
    for (size_t n; *s != '\0'; s += n)
        width += abs(character(s, &n));
    return width;
}

static bool one_of(const char *list, const char *s, size_t length)
{
    return memmem(list, strlen(list), s, length) != NULL;
}

/* How many bytes of S to put into ROOM columns, one character at least: up to
   a space if it can be, or before or after a wide (Chinese) character, but a
   line does not begin with a closing mark nor end with an opening one. *USED
   are the columns they take. */
static size_t fit(const char *s, int room, int *used)
{
    static const char closing[] = ",.;:?!)，。、；：？！）》」』”’…";
    size_t at, n, end = 0;
    int width = 0, end_width = 0, w;
    bool wide = false, open = true; /* the character before */
    for (at = 0; s[at] != '\0'; at += n, width += w) {
        w = abs(character(s + at, &n));
        bool between = (w == 2 || (wide && w > 0)) && !open &&
                       !one_of(closing, s + at, n);
        if (at > 0 && (s[at] == ' ' || between)) {
            end = at;
            end_width = width;
        }
        if (at > 0 && width + w > room)
            break;
        wide = w == 2;
        open = one_of("(（《「『“‘", s + at, n);
    }
    bool whole = s[at] == '\0' || end == 0;
    *used = whole ? width : end_width;
    return whole ? at : end;
}

static void repeat(const char *s, int times)
{
    while (times-- > 0)
        fputs(s, stdout);
}

/* The time, or room for it. */
static void show_time(bool is_shown)
{
    if (is_shown)
        printf("%s%6.2f%s ", style("2"), (shown_at > 0 ? shown_at : now()) -
               started, style("0"));
    else
        repeat(" ", TIME_COLUMNS);
}

static void show_bar(void)
{
    printf("%s%s%s", style("2"), utf8 ? "│" : "|", style("0"));
}

/* What has been shown so far has to be seen now. Where it cannot be written
   the scene ends, and without a word if the reader has gone (head, less). */
static void flush(void)
{
    if (!ferror(stdout) && fflush(stdout) == 0)
        return;
    int why = errno;
    take_signals(); /* one of them may have interrupted us */
    errno = why;
    if (errno != EPIPE)
        warn("cannot write");
    finish(1);
}

/* What is left of a line in the server's lane. */
static void begin_server_lane(bool with_time)
{
    show_time(with_time);
    repeat(" ", lane);
    show_bar();
    putchar(' ');
}

static void show_log_line(const char *line);

/* What of the log was held back since the last doing: how much, and the end
   of it. */
static void show_rest_of_log(void)
{
    size_t times = xray ? WITH_CALLS : 1, most = SHOWN_LAST * times;
    size_t hidden = shown > SHOWN_LINES * times && !all
        ? shown - SHOWN_LINES * times : 0;
    size_t last = hidden < most ? hidden : most;
    shown = 0;
    if (hidden > last) {
        begin_server_lane(true);
        printf("%s%s %zu more %s%s\n", style("2"), utf8 ? "…" : "...",
               hidden - last, hidden - last == 1 ? "line" : "lines",
               style("0"));
    }
    for (size_t i = n_lines - last; i < n_lines; i++) {
        shown_at = log_times[i % LOG_LINES];
        show_log_line(log_lines[i % LOG_LINES]);
    }
    shown_at = 0;
    flush();
}

enum arrow { NO_ARROW, TO_SERVER, FROM_SERVER };

/* From the text to the server's lane, or from there to the text. */
static void show_arrow(enum arrow arrow, int length)
{
    fputs(style("2"), stdout);
    if (arrow == NO_ARROW || length < 3) {
        repeat(" ", length);
    } else if (arrow == TO_SERVER) {
        putchar(' ');
        repeat(utf8 ? "─" : "-", length - 2);
        fputs(utf8 ? "▶" : ">", stdout);
    } else {
        fputs(utf8 ? " ◀" : " <", stdout);
        repeat(utf8 ? "─" : "-", length - 2);
    }
    fputs(style("0"), stdout);
}

/* A line, or as many as it takes, in the clients' lane. CODES: the colour. */
static void show(const char *name, const char *codes, enum arrow arrow,
                 const char *text)
{
    int indent = width_of(name) + 1;
    bool first = true;
    show_rest_of_log();
    do {
        int used;
        size_t n = fit(text, lane - indent, &used);
        bool last = text[n] == '\0';
        show_time(first);
        printf("%s%s%s ", style(codes), first ? name : "", style("0"));
        repeat(" ", first ? 0 : indent - 1);
        printf("%.*s", (int)n, text);
        show_arrow(last ? arrow : NO_ARROW, lane - indent - used);
        show_bar();
        putchar('\n');
        text += n + strspn(text + n, " ");
        first = false;
    } while (*text != '\0');
    flush();
}

static void show_client(const struct player *p, enum arrow arrow,
                        const char *text)
{
    show(p->name, colour_of(p), arrow, text);
}



/* A line of the log made fit to be shown: ADDRESS:PORT becomes the name of
   the client there, and what is not text is escaped. (*PAINT)[i] is 1 + the
   index of the client whose name byte i belongs to, or 0. */
static const char *translate(const char *line, const size_t **paint)
{
    static char text[LINE_MAX_BYTES * 4 + 1];
    static size_t paints[LINE_MAX_BYTES * 4 + 1];
    size_t at = 0, n, length;
    for (; *line != '\0'; line += length, at += n) {
        unsigned peer;
        int end;
        bool address = sscanf(line, "127.0.0.1:%u%n", &peer, &end) == 1;
        size_t who = address && peer < 65536 ? owner[peer] : 0;
        if (who > 0) {
            n = strlen(strcpy(text + at, players[who - 1].name));
            length = (size_t)end;
        } else if (character(line, &length) < 0 || (length > 1 && !utf8)) {
            n = (size_t)sprintf(text + at, "\\x%02x", (unsigned char)*line);
            length = 1;
        } else {
            memcpy(text + at, line, n = length);
        }
        for (size_t i = 0; i < n; i++)
            paints[at + i] = who;
    }
    text[at] = '\0';
    *paint = paints;
    return text;
}

/* N bytes of a translated line in the colour of CODES, but (with PAINT) the
   clients' names in theirs. */
static void show_painted(const char *text, const size_t *paint, size_t n,
                         const char *codes)
{
    size_t last = 0;
    fputs(style(codes), stdout);
    for (size_t i = 0; i < n; i++) {
        size_t now_for = paint == NULL ? 0 : paint[i];
        if (now_for != last)
            fputs(style(now_for == 0 ? codes
                        : colour_of(&players[now_for - 1])), stdout);
        last = now_for;
        putchar(text[i]);
    }
    fputs(style("0"), stdout);
}

/* "FILE:LINE: TEXT": the length of FILE:LINE, or 0 if it is none (but an
   ADDRESS:PORT, say). */
static int place_in(const char *line)
{
    int n = (int)strcspn(line, ": ");
    int digits = line[n] == ':' ? (int)strspn(line + n + 1, "0123456789") : 0;
    bool is = digits > 0 && strncmp(line + n + 1 + digits, ": ", 2) == 0 &&
              (int)strspn(line, "0123456789.") < n;
    return is ? n + 1 + digits : 0;
}

/* "xray TIME ms: TEXT", from clients/xray: the length of all before TEXT, or
   0 if this is a line of the server's own. */
static int kernel_in(const char *line)
{
    int n = 0;
    if (xray)
        sscanf(line, "xray %*f ms: %n", &n);
    return n;
}

/* The end of a line: the LENGTH bytes of PLACE after INDENT columns. */
static void show_place(int indent, const char *place, int length)
{
    if (length > 0) {
        repeat(" ", indent);
        printf("%s%.*s%s", style("2"), length, place, style("0"));
    }
    putchar('\n');
}

/* A text in the server's lane, and at the right edge the LENGTH bytes of
   PLACE, or below where there is no room. CODES: the text's colour. */
static void show_server(const char *text, const size_t *paint,
                        const char *codes, const char *place, int length)
{
    int room = columns - TIME_COLUMNS - lane - 2, used;
    int beside = room - length > 12 ? length : 0, below = length - beside;
    bool first = true;
    do {
        size_t n = fit(text, beside > 0 ? room - beside - 1 : room, &used);
        begin_server_lane(first);
        show_painted(text, paint, n, codes);
        show_place(room - beside - used, place, beside);
        n += strspn(text + n, " ");
        text += n;
        paint = paint == NULL ? NULL : paint + n;
        beside = 0;
        first = false;
    } while (*text != '\0');
    if (below > 0) {
        begin_server_lane(false);
        show_place(room - below, place, below);
    }
    flush();
}

/* A line of the log, and the FILE:LINE that printed it; or a system call. */
static void show_log_line(const char *line)
{
    const size_t *paint;
    int place = place_in(line), room = columns - TIME_COLUMNS - lane - 2;
    if (kernel_in(line) > 0) {
        const char *call = translate(line + kernel_in(line), &paint);
        show_server(call, paint, "36", "kernel", 6);
        return;
    }
    const char *text = translate(line + (place > 0 ? place + 2 : 0), &paint);
    while ((room < 60 || place > room - 30) &&
           memchr(line, '/', (size_t)place) != NULL) {
        place--; /* on a narrow screen the file's own name must do */
        line++;
    }
    show_server(text, paint, "0", line, place);
}

static void show_log(const char *line)
{
    size_t most = SHOWN_LINES * (size_t)(xray ? WITH_CALLS : 1);
    if (hushed && !all && shown < most)
        shown = most;
    if (++shown <= most || all)
        show_log_line(line);
}

/* What we see of the server from outside. */
static void show_note(const char *text)
{
    show_rest_of_log();
    show_server(text, NULL, "1", "", 0);
}

static void show_title(void)
{
    printf("\n%s%s%s\n\n", style("1"), title, style("0"));
    printf("%s%*s %-*s%s server%s\n", style("2"), TIME_COLUMNS - 1, "time",
           lane, "clients", utf8 ? "│" : "|", style("0"));
    flush();
}

/* --------------------------------------------------- how a scene can end */

static const struct { const char *name; int number; } signal_names[] = {
    { "SIGTERM", SIGTERM }, { "SIGINT", SIGINT }, { "SIGHUP", SIGHUP },
    { "SIGSTOP", SIGSTOP }, { "SIGCONT", SIGCONT }, { "SIGKILL", SIGKILL },
    { "SIGUSR1", SIGUSR1 }, { "SIGUSR2", SIGUSR2 }, { "SIGPIPE", SIGPIPE },
    { "SIGSEGV", SIGSEGV }, { "SIGABRT", SIGABRT }, { "SIGALRM", SIGALRM },
    { "SIGCHLD", SIGCHLD }, { "SIGQUIT", SIGQUIT }, { "SIGFPE", SIGFPE },
    { "SIGBUS", SIGBUS }, { "SIGILL", SIGILL }, { "SIGWINCH", SIGWINCH },
};
enum { SIGNALS = sizeof signal_names / sizeof *signal_names };

static const char *signal_name(int number)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (signal_names[i].number == number)
            return signal_names[i].name;
    return strsignal(number);
}

static const char *how_it_ended(void)
{
    static char text[64];
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "killed by %s",
                 signal_name(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(status));
    return text;
}

/* Has the server ended? Orphans of its are ours (see main): they just go. */
static void reap(void)
{
    int how;
    pid_t pid;
    while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
        if (pid != server)
            continue;
        ended = true;
        status = how;
    }
}

static void hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Send a signal, or 0, to the server's process group and, where we can know
   them, to those who left it and lost their parent. Was anybody there? */
static bool signal_all(int number)
{
    pid_t pid;
    bool any = server > 0 && kill(-server, number) == 0;
    FILE *children = adopts ? fopen("/proc/thread-self/children", "r") : NULL;
    while (children != NULL && fscanf(children, "%d", &pid) == 1)
        if (pid != guard_pid)
            any = kill(pid, number) == 0 || any;
    if (children != NULL)
        fclose(children);
    return any;
}

/* Forget the server; whatever is left of it is killed. */
static void kill_server(void)
{
    pid_t none = 0;
    double end = now() + 2;
    if (server == 0)
        return;
    hang_up(&keyboard);
    hang_up(&log_fd);
    for (; signal_all(SIGKILL) && now() < end; reap())
        usleep(1000);
    if (write(guard, &none, sizeof none) < 0)
        warn("guard");
    server = 0;
    ended = false;
}

static void finish(int exit_status)
{
    kill_server();
    hang_up(&guard);
    waitpid(guard_pid, NULL, 0);
    if (exit_status > 128) { /* by this signal: a shell's loop ends, too */
        signal(exit_status - 128, SIG_DFL);
        raise(exit_status - 128);
    }
    _exit(exit_status);
}

static void log_line(void)
{
    char **slot = &log_lines[n_lines % LOG_LINES];
    partial[partial_length] = '\0';
    free(*slot);
    if ((*slot = strdup(partial)) == NULL)
        err(1, "no memory");
    log_times[n_lines % LOG_LINES] = now();
    n_lines++;
    partial_length = 0;
    const char *ready = strstr(*slot, "listening on ");
    if (port == 0 && ready != NULL)
        sscanf(ready, "listening on %*[0-9.]:%d", &port);
    show_log(*slot);
}

/* Take what is in the log now, but in a flood leave time for the others. */
static void read_log(void)
{
    char buffer[CHUNK];
    ssize_t n = read(log_fd, buffer, sizeof buffer);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        hang_up(&log_fd);
    for (ssize_t i = 0; i < n; i++) {
        if (buffer[i] != '\n')
            partial[partial_length++] = buffer[i] == '\0' ? ' ' : buffer[i];
        if (buffer[i] == '\n' || partial_length == LINE_MAX_BYTES)
            log_line();
    }
    if (log_fd < 0 && partial_length > 0)
        log_line();
}

/* A client has lost the server, which may be dying: wait for it a moment. */
static void take_last_words(void)
{
    double end = now() + 0.1;
    while (server != 0 && (log_fd >= 0 || !ended) && now() < end) {
        struct pollfd log = { log_fd, POLLIN, 0 };
        if (poll(&log, 1, 5) > 0)
            read_log();
        reap();
    }
}

/* The scene fails at the current line: what it is, what was wanted and what
   came, and the last lines of the log. */
static _Noreturn __attribute__((format(printf, 1, 2)))
void fail(const char *format, ...)
{
    va_list arguments;
    const size_t *paint;
    show_rest_of_log();
    fflush(stdout);
    colours = colours && isatty(STDERR_FILENO);
    fprintf(stderr, "\n%s%s%s:%d: %.200s%s\n", style("1;31"),
            utf8 ? "✗ " : "", file, current->line, current->source,
            style("0"));
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (ended)
        fprintf(stderr, "  the server has ended: %s\n", how_it_ended());
    if (n_lines > first_line)
        fprintf(stderr, "  the end of its log:\n");
    for (size_t i = n_lines > first_line + LAST_LINES ? n_lines - LAST_LINES
                  : first_line; i < n_lines; i++)
        fprintf(stderr, "    %s\n", translate(log_lines[i % LOG_LINES],
                                              &paint));
    finish(1);
}

/* --------------------------------------------------------------- server */

/* The program for a doing's NAME: beside the scene, unless --server names
   another one. "server" is the lesson's, or the step's, own. */
static char *program_path(const char *name)
{
    static char path[4096], server_beside[4096];
    const char *slash = strrchr(file, '/');
    const char *base = slash == NULL ? file : slash + 1;
    int directory = (int)(base - file);
    size_t stem = strlen(base);
    if (stem > 5 && strcmp(base + stem - 5, ".play") == 0)
        stem -= 5;
    snprintf(server_beside, sizeof server_beside, "%.*sserver", directory,
             file);
    if (program != NULL)
        snprintf(path, sizeof path, "%s", program);
    else if (name == NULL)
        snprintf(path, sizeof path, "%.*s", directory + (int)stem, file);
    else
        snprintf(path, sizeof path, "%.*s%s", name[0] == '/' ? 0 : directory,
                 file, name);
    return program == NULL && name == NULL && access(path, X_OK) < 0
        ? server_beside : path;
}

/* The same command under clients/xray, which lies beside us. */
static char **with_xray(char **argv)
{
    static char path[4096], *longer[WORDS + 8];
    size_t n = 0;
    snprintf(path, sizeof path, "%s%s", strchr(*argv, '/') ? "" : "./",
             *argv); /* xray would look for it in $PATH */
    longer[n++] = xray_path;
    longer[n++] = "--";
    longer[n++] = path;
    argv++;
    while (n < WORDS + 7 && *argv != NULL)
        longer[n++] = *argv++;
    return longer;
}

/* In the child: become the program, in a process group of its own. */
static void become(char **argv, const int *in, const int *out, int trouble)
{
    struct rlimit limit = our_limit;
    pid_t group = getpid();
    setpgid(0, 0);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(out[1], STDERR_FILENO);
    if (fd_limit > 0)
        limit.rlim_cur = limit.rlim_max = (rlim_t)fd_limit;
    for (int number = 1; number < 32; number++)
        signal(number, SIG_DFL);
    if (write(guard, &group, sizeof group) == sizeof group &&
        setrlimit(RLIMIT_NOFILE, &limit) == 0)
        execv(xray ? xray_path : argv[0], xray ? with_xray(argv) : argv);
    int why = errno;
    _exit(write(trouble, &why, sizeof why) == sizeof why ? 126 : 127);
}

static void set_flags(int fd, bool nonblocking)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (nonblocking)
        fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void make_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        fail("  pipe: %s", strerror(errno));
    set_flags(ends[0], false);
    set_flags(ends[1], false);
}

static void start(char **argv)
{
    int in[2], out[2], trouble[2], why = 0;
    make_pipe(in);
    make_pipe(out);
    make_pipe(trouble);
    port = 0;
    memory_when_ready = 0;
    first_line = see_from = n_lines;
    partial_length = 0;
    pid_t child = fork();
    if (child < 0)
        fail("  fork: %s", strerror(errno));
    if (child == 0)
        become(argv, in, out, trouble[1]);
    setpgid(child, child);
    server = child;
    close(in[0]);
    close(out[1]);
    close(trouble[1]);
    if (read(trouble[0], &why, sizeof why) == sizeof why) {
        server = 0;
        fail("  cannot start %s: %s", xray ? xray_path : argv[0],
             strerror(why));
    }
    close(trouble[0]);
    keyboard = in[1];
    log_fd = out[0];
    set_flags(keyboard, true);
    set_flags(log_fd, true);
}

/* A process that outlives us, even if we are killed, and then takes the
   server's group with it. It reads which group that is; 0: none. (The child
   says so itself, before it becomes the server: no moment is unguarded.) */
static void start_guard(void)
{
    int ends[2];
    pid_t group = 0, message;
    make_pipe(ends);
    guard = ends[1];
    guard_pid = fork();
    if (guard_pid < 0)
        fail("  fork: %s", strerror(errno));
    if (guard_pid > 0) {
        close(ends[0]);
        return;
    }
    setsid(); /* not reached by Ctrl-C */
    signal(SIGTERM, SIG_IGN);
    for (int fd = 0; fd < 1024; fd++)
        if (fd != ends[0])
            close(fd);
    while (read(ends[0], &message, sizeof message) == sizeof message)
        group = message;
    if (group > 0)
        kill(-group, SIGKILL);
    _exit(0);
}

/* -------------------------------------------------------------- clients */

static void disconnect(struct player *p, bool reset)
{
    struct linger now_or_never = { .l_onoff = 1, .l_linger = 0 };
    if (p->fd >= 0) {
        if (reset)
            setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now_or_never,
                       sizeof now_or_never);
        close(p->fd);
    }
    while (p->queue != NULL) {
        struct sending *first = p->queue;
        p->queue = first->next;
        free(first);
    }
    p->fd = -1;
    p->connecting = p->shut_after = p->expects = p->was_reset = false;
    p->sent = 0;
    p->hearing = DEAF;
}

static int error_of(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

/* The client is there, or the connection has failed. */
static void connected(struct player *p, int error)
{
    p->connecting = false;
    p->was_reset = error == ECONNRESET; /* it was connected, and is no more */
    if (error == 0 || p->was_reset)
        return;
    take_last_words();
    fail("  %s: connect to port %d: %s", p->name, port, strerror(error));
}

static void begin_connect(struct player *p)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    disconnect(p, false);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p->fd < 0)
        fail("  %s: socket: %s", p->name, strerror(errno));
    set_flags(p->fd, true);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    p->connecting = true;
    if (connect(p->fd, (struct sockaddr *)&address, size) < 0 &&
        errno != EINPROGRESS)
        connected(p, errno);
    getsockname(p->fd, (struct sockaddr *)&address, &size);
    owner[ntohs(address.sin_port)] = (size_t)(p - players) + 1;
}

/* Send what the kernel has room for. A server may well have gone: that shows
   when the client reads. */
static void push(struct player *p)
{
    static char chunk[CHUNK];
    while (p->queue != NULL) {
        struct sending *first = p->queue;
        size_t n = slice(&first->bytes, p->sent, chunk, sizeof chunk);
        ssize_t sent = send(p->fd, chunk, n, first->urgent ? MSG_OOB : 0);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        p->was_reset = p->was_reset || (sent < 0 && errno == ECONNRESET);
        p->sent += sent < 0 ? 0 : (size_t)sent;
        if (p->sent < total(&first->bytes) && sent >= 0)
            continue;
        p->queue = first->next;
        p->sent = 0;
        free(first);
    }
    if (p->shut_after)
        shutdown(p->fd, SHUT_WR);
    p->shut_after = false;
}

static void queue(struct player *p, const struct bytes *bytes, bool urgent)
{
    struct sending *s = grown(NULL, sizeof *s), **end = &p->queue;
    *s = (struct sending){ NULL, *bytes, urgent };
    while (*end != NULL)
        end = &(*end)->next;
    *end = s;
    push(p);
}

static const char *wanted_by(const struct player *p)
{
    static char text[120];
    if (p->hearing == BYTES)
        return quoted_bytes(text, sizeof text, &p->wanted);
    return p->hearing == END ? "the end of file"
         : p->hearing == RST ? "a reset" : "nothing";
}

/* Something came that is not wanted: N bytes of CAME (0: the end), of which
   GOOD are right; or N < 0, an error. */
static void unwanted(const struct player *p, const char *came, ssize_t n,
                     size_t good)
{
    char text[120] = "the end of file";
    if (n < 0)
        snprintf(text, sizeof text, "%s",
                 errno == ECONNRESET ? "a reset" : strerror(errno));
    else if (n > 0)
        quoted(text, sizeof text, came + good, (size_t)n - good);
    if (n <= 0)
        take_last_words();
    if (p->hearing == BYTES && p->heard + good > 0)
        fail("  %s wanted  %s\n  and got  %s after %zu right bytes",
             p->name, wanted_by(p), text, p->heard + good);
    fail("  %s wanted  %s\n  and got  %s", p->name, wanted_by(p), text);
}

static void hear(struct player *p)
{
    static char came[CHUNK], wanted[CHUNK];
    size_t most = 200, good = 0;
    if (p->hearing == BYTES)
        most = slice(&p->wanted, p->heard, wanted, sizeof wanted);
    ssize_t n = recv(p->fd, came, most, 0);
    if (n == 0 && p->was_reset) {
        n = -1;
        errno = ECONNRESET;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if ((p->hearing == END && n == 0) ||
        (p->hearing == RST && n < 0 && errno == ECONNRESET)) {
        p->hearing = DEAF;
        return;
    }
    if (p->hearing != BYTES || n <= 0)
        unwanted(p, came, n, 0);
    while (good < (size_t)n && came[good] == wanted[good])
        good++;
    if (good < (size_t)n)
        unwanted(p, came, n, good);
    p->heard += good;
    if (p->heard == total(&p->wanted))
        p->hearing = DEAF;
}

/* ------------------------------------------------------------- the loop */

static void note_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    if (write(signals[1], &byte, 1) < 0) {
        /* the pipe is full: the loop will wake up all the same */
    }
    errno = saved;
}

static void take_signals(void)
{
    unsigned char number;
    while (read(signals[0], &number, 1) == 1) {
        if (number == SIGCHLD)
            continue;
        bool any = server != 0;
        kill_server(); /* before anything that may block */
        fprintf(stderr, "\nplay: %s%s\n", signal_name(number),
                any ? "; the server is ended" : "");
        finish(128 + number);
    }
}

/* What a client waits for; 0: nothing. */
static short interest(const struct player *p)
{
    bool writes = p->connecting || p->queue != NULL;
    return (short)(p->fd < 0 ? 0 : (writes ? POLLOUT : 0) |
                                   (p->hearing != DEAF ? POLLIN : 0));
}

/* Let things happen, once, within SECONDS: signals, the log, the clients. */
static void pump(double seconds)
{
    static struct pollfd *fds;
    static size_t *whose;
    nfds_t n = 2;
    fds = grown(fds, (n_players + 2) * sizeof *fds);
    whose = grown(whose, (n_players + 2) * sizeof *whose);
    fds[0] = (struct pollfd){ signals[0], POLLIN, 0 };
    fds[1] = (struct pollfd){ log_fd, POLLIN, 0 };
    for (size_t i = 0; i < n_players; i++)
        if (interest(&players[i]) != 0) {
            whose[n] = i;
            fds[n++] = (struct pollfd){ players[i].fd, interest(&players[i]),
                                        0 };
        }
    int ms = seconds <= 0 ? 0 : (int)(seconds * 1000 + 0.999);
    if (poll(fds, n, ms) < 0 && errno != EINTR)
        fail("  poll: %s", strerror(errno));
    take_signals();
    reap();
    if (log_fd >= 0 && (fds[1].revents != 0 || ended))
        read_log();
    for (nfds_t i = 2; i < n; i++) {
        struct player *p = &players[whose[i]];
        if (fds[i].revents == 0)
            continue;
        if (p->connecting)
            connected(p, error_of(p->fd));
        push(p);
        if (p->hearing != DEAF && (fds[i].revents & ~POLLOUT) != 0)
            hear(p);
    }
}

/* A server that has ended in the middle of its scene. */
static void check_alive(void)
{
    if (ended && (!may_end || status != 0))
        fail("  the server has gone");
}

/* ... or rightly, but now it is wanted. */
static void need_server(void)
{
    if (server == 0 || ended)
        fail("  the server has gone");
}

/* SECONDS, or less if --timeout says so. */
static double within(double seconds)
{
    return timeout < seconds ? timeout : seconds;
}

/* Let SECONDS pass. */
static void pass(double seconds)
{
    double end = now() + seconds;
    for (double left = seconds; left > 0; left = end - now())
        pump(left);
}

/* Until the log is quiet, but not for long: what it says belongs to this
   doing, not to the next. */
static void settle(void)
{
    double end = now() + 0.5;
    size_t before;
    do {
        before = n_lines;
        pass((pace > 0 ? SETTLE_SLOWLY_MS : SETTLE_MS) / 1000.0);
    } while (n_lines != before && now() < end);
}

static _Noreturn void too_late(const struct player *p, double seconds)
{
    if (p->connecting)
        fail("  %s could not connect in %g s", p->name, seconds);
    if (p->hearing == BYTES && p->heard > 0)
        fail("  %s wanted  %s\n  and got  only %zu bytes of it in %g s",
             p->name, wanted_by(p), p->heard, seconds);
    fail("  %s wanted  %s\n  and got  nothing in %g s", p->name, wanted_by(p),
         seconds);
}

/* Until no client waits for anything; who does in the end is told. */
static void until_heard(double seconds)
{
    double end = now() + seconds;
    for (;;) {
        const struct player *waiting = NULL;
        for (size_t i = 0; i < n_players && waiting == NULL; i++)
            if (players[i].connecting || players[i].hearing != DEAF)
                waiting = &players[i];
        if (waiting == NULL)
            return;
        if (now() >= end)
            too_late(waiting, seconds);
        pump(end - now());
    }
}

/* Until the server has ended, and all it has started with it. */
static void until_ended(double seconds)
{
    double end = now() + seconds;
    while ((!ended || log_fd >= 0 || signal_all(0)) && now() < end)
        pump(ended ? 0.01 : end - now());
    if (!ended)
        fail("  the server is still running after %g s", seconds);
    if (signal_all(0))
        fail("  the server has left processes behind");
}

/* SIGTERM has to end it, unless it has ended before, as it may. */
static void end_server(void)
{
    check_alive();
    if (!ended) {
        kill(server, SIGTERM);
        kill(server, SIGCONT); /* if it was stopped */
    }
    until_ended(within(2));
    if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM))
        fail("  SIGTERM has to end the server, by itself or with exit 0");
    kill_server();
}

/* What the server's processes have used so far: of the CPU, in seconds; how
   often a thread of theirs went to sleep; and their resident memory, in
   KiB. */
struct usage {
    double cpu;
    long sleeps, memory;
};

#ifdef __linux__
static void add_tasks(pid_t pid, struct usage *u)
{
    char name[300], line[256];
    struct dirent *task;
    long count;
    snprintf(name, sizeof name, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(name);
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        snprintf(name, sizeof name, "/proc/%d/task/%.20s/status", (int)pid,
                 task->d_name);
        FILE *f = task->d_name[0] == '.' ? NULL : fopen(name, "r");
        while (f != NULL && fgets(line, sizeof line, f) != NULL)
            if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
                u->sleeps += count;
        if (f != NULL)
            fclose(f);
    }
    if (tasks != NULL)
        closedir(tasks);
}

static void add_process(pid_t pid, struct usage *u)
{
    char name[64];
    clockid_t clock;
    struct timespec used;
    long pages;
    if (clock_getcpuclockid(pid, &clock) == 0 &&
        clock_gettime(clock, &used) == 0)
        u->cpu += (double)used.tv_sec + (double)used.tv_nsec / 1e9;
    snprintf(name, sizeof name, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(name, "r");
    if (f != NULL && fscanf(f, "%*d %ld", &pages) == 1)
        u->memory += pages * (sysconf(_SC_PAGESIZE) / 1024);
    if (f != NULL)
        fclose(f);
    add_tasks(pid, u);
}

static bool usage_of_server(struct usage *u)
{
    struct dirent *entry;
    bool any = false;
    DIR *processes = opendir("/proc");
    *u = (struct usage){ 0, 0, 0 };
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);
        if (pid > 0 && getpgid(pid) == server) {
            add_process(pid, u);
            any = true;
        }
    }
    if (processes != NULL)
        closedir(processes);
    return any;
}
#else
static bool usage_of_server(struct usage *u) /* not to be had here */
{
    *u = (struct usage){ 0, 0, 0 };
    return false;
}
#endif

/* ------------------------------------------------- what a line can ask for */

/* A sentence over the whole width; number: it is a question. */
static void do_say(const struct action *a)
{
    const char *mark = a->number ? "?" : "", *text = a->text;
    int used;
    show_rest_of_log();
    putchar('\n');
    while (*text != '\0') {
        size_t n = fit(text, columns - 6, &used);
        printf("%s%4s %.*s%s\n", style(a->number ? "1;38;5;172" : "1"), mark,
               (int)n, text, style("0"));
        text += n + strspn(text + n, " ");
        mark = "";
    }
    putchar('\n');
    flush();
}

static void do_limit(const struct action *a)
{
    char text[64];
    fd_limit = a->number;
    if ((rlim_t)fd_limit > our_limit.rlim_max)
        fail("  the system allows %lu", (unsigned long)our_limit.rlim_max);
    snprintf(text, sizeof text, "may open %ld files", fd_limit);
    show_note(text);
}

/* A port to connect to. */
static void need_port(void)
{
    double end = now() + timeout;
    struct usage usage;
    bool waits = port == 0;
    while (port == 0 && now() < end && !(ended && log_fd < 0))
        pump(end - now());
    if (port == 0 && ended)
        fail("  %s ended before it was ready", server_path);
    if (port == 0)
        fail("  %s is not ready: no line \"listening on ADDRESS:PORT\" "
             "in %g s", server_path, timeout);
    check_alive();
    if (waits && usage_of_server(&usage))
        memory_when_ready = usage.memory;
}

/* The command, where it is worth seeing: with arguments of the scene. */
static void show_start(char **argv)
{
    char text[200];
    int n = snprintf(text, sizeof text, "$ %s", argv[0]);
    char **extra = argv[1] != NULL && strcmp(argv[1], "-p") == 0 ? argv + 3
                 : argv + 1;
    if (*extra == NULL)
        return;
    for (; *extra != NULL && n < (int)sizeof text; extra++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %s", *extra);
    show_note(text);
}

/* "server" waits until it listens, "run" does not. */
static void do_server(const struct action *a)
{
    if (server != 0)
        end_server();
    server_path = a->argv[0] = program_path(a->text);
    may_end = a->text != NULL;
    show_start(a->argv);
    start(a->argv);
    if (a->text == NULL)
        need_port();
}

static void do_connect(const struct action *a)
{
    need_port();
    show_client(&players[a->who], TO_SERVER, "connects");
    begin_connect(&players[a->who]);
    until_heard(timeout);
}

static void do_send(const struct action *a)
{
    char text[120];
    struct player *p = &players[a->who];
    check_alive();
    show_client(p, TO_SERVER, quoted_bytes(text, sizeof text, &a->bytes));
    if (a->seconds <= 0) {
        queue(p, &a->bytes, a->urgent);
        return;
    }
    for (size_t i = 0; i < total(&a->bytes); i++) {
        struct bytes one = { &a->bytes.text[i % a->bytes.length], 1, 1 };
        queue(p, &one, a->urgent);
        pass(a->seconds);
        check_alive();
    }
}

static void listen_for(struct player *p, const struct bytes *wanted)
{
    p->hearing = BYTES;
    p->expects = true;
    p->wanted = *wanted;
    p->heard = 0;
}

static void do_expect(const struct action *a)
{
    char text[120];
    struct player *p = &players[a->who];
    if (total(&a->wanted) > CHUNK)
        show_client(p, NO_ARROW, "begins to read");
    listen_for(p, &a->wanted);
    until_heard(timeout);
    settle();
    show_client(p, FROM_SERVER,
                quoted_bytes(text, sizeof text, &a->wanted));
    n_checks++;
}

static void do_expect_end(const struct action *a)
{
    struct player *p = &players[a->who];
    p->hearing = (enum hearing)a->number;
    until_heard(timeout);
    settle();
    show_client(p, FROM_SERVER,
                a->number == END ? "end of file" : "reset");
    n_checks++;
}

static void do_silent(const struct action *a)
{
    char text[64];
    struct player *p = &players[a->who];
    check_alive();
    p->hearing = NOTHING;
    pass(a->seconds);
    p->hearing = DEAF;
    check_alive();
    snprintf(text, sizeof text, "hears nothing, %g s", a->seconds);
    show_client(p, NO_ARROW, text);
    n_checks++;
}

static void do_shut(const struct action *a)
{
    struct player *p = &players[a->who];
    show_client(p, TO_SERVER, "end of file");
    p->shut_after = true;
    push(p);
}

/* Has a client that expected something got more than that? */
static void check_surplus(const struct player *p)
{
    char came[100], text[120];
    ssize_t n = !p->expects || p->fd < 0 || p->hearing != DEAF ? 0
              : recv(p->fd, came, sizeof came, MSG_DONTWAIT | MSG_PEEK);
    if (n > 0)
        fail("  %s got more than was expected: %s", p->name,
             quoted(text, sizeof text, came, (size_t)n));
}

static void do_close(const struct action *a)
{
    struct player *p = &players[a->who];
    check_surplus(p);
    show_client(p, TO_SERVER, "closes");
    disconnect(p, false);
}

static void do_reset(const struct action *a)
{
    show_client(&players[a->who], TO_SERVER, "resets");
    disconnect(&players[a->who], true);
}

/* As long as anybody, and some more for each one. */
static double crowd_timeout(void)
{
    return timeout + (double)(n_players - n_named) / 500;
}

/* N more clients connect, some at a time. */
static void do_crowd_connects(const struct action *a)
{
    char text[64];
    need_port();
    snprintf(text, sizeof text, "%ld connect", a->number);
    show("crowd:", "1", TO_SERVER, text);
    for (long i = 0; i < a->number; i++) {
        players = grown(players, (n_players + 1) * sizeof *players);
        struct player *p = &players[n_players++];
        *p = (struct player){ .fd = -1, .colour = -1 };
        snprintf(p->name, sizeof p->name, "#%zu", n_players - n_named);
        begin_connect(p);
        if (i % CONNECTING == CONNECTING - 1)
            until_heard(crowd_timeout());
    }
    until_heard(crowd_timeout());
}

static void do_crowd_sends(const struct action *a)
{
    char text[120];
    check_alive();
    show("crowd:", "1", TO_SERVER,
         quoted_bytes(text, sizeof text, &a->bytes));
    for (size_t i = n_named; i < n_players; i++)
        if (players[i].fd >= 0)
            queue(&players[i], &a->bytes, false);
}

static void do_crowd_expects(const struct action *a)
{
    char text[120];
    for (size_t i = n_named; i < n_players; i++)
        if (players[i].fd >= 0)
            listen_for(&players[i], &a->wanted);
    until_heard(crowd_timeout());
    settle();
    show("crowd:", "1", FROM_SERVER,
         quoted_bytes(text, sizeof text, &a->wanted));
    n_checks++;
}

static void do_crowd_ends(const struct action *a)
{
    show("crowd:", "1", TO_SERVER, a->number ? "all reset" : "all leave");
    for (size_t i = n_named; i < n_players; i++) {
        if (!a->number)
            check_surplus(&players[i]);
        disconnect(&players[i], a->number);
    }
}

/* No bytes: the end of file. */
static void do_type(const struct action *a)
{
    char text[120] = "end of file", chunk[4096];
    double end = now() + timeout;
    need_server();
    if (total(&a->bytes) > 0)
        quoted_bytes(text, sizeof text, &a->bytes);
    else
        hang_up(&keyboard);
    show("type:", "1", TO_SERVER, text);
    for (size_t done = 0; done < total(&a->bytes);) {
        size_t n = slice(&a->bytes, done, chunk, sizeof chunk);
        ssize_t typed = write(keyboard, chunk, n);
        if (typed < 0 && (errno != EAGAIN || now() >= end)) {
            const char *why = strerror(errno);
            take_last_words();
            fail("  type: %s", why);
        }
        if (typed < 0)
            pump(0.01);
        else
            done += (size_t)typed;
    }
}


static void do_see(const struct action *a)
{
    double end = now() + timeout;
    size_t i = see_from;
    for (;;) {
        if (n_lines > LOG_LINES && i < n_lines - LOG_LINES)
            i = n_lines - LOG_LINES;
        for (; i < n_lines; i++)
            if (kernel_in(log_lines[i % LOG_LINES]) == 0 &&
                !regexec(&a->regex, log_lines[i % LOG_LINES], 0, NULL, 0)) {
                see_from = i + 1;
                n_checks++;
                return;
            }
        if (now() >= end || log_fd < 0)
            fail("  no line of the log matches \"%s\"", a->text);
        pump(end - now());
    }
}

#ifdef __linux__
/* The number that the kernel gave the server's end of A's connection. */
static unsigned long inode_of(const struct player *p)
{
    char line[512];
    unsigned from, to, state;
    unsigned long inode, found = 0;
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    FILE *f = fopen("/proc/net/tcp", "r");
    if (getsockname(p->fd, (struct sockaddr *)&own, &size) < 0)
        own.sin_port = 0;
    while (f != NULL && found == 0 && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "%*d: %*x:%x %*x:%x %x %*s %*s %*s %*u %*u %lu",
                   &from, &to, &state, &inode) == 4 &&
            from == (unsigned)port && to == ntohs(own.sin_port))
            found = inode;
    if (f != NULL)
        fclose(f);
    return found;
}

static bool holds(pid_t pid, unsigned long inode)
{
    char name[300], target[64], wanted[64];
    struct dirent *entry;
    bool found = false;
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    snprintf(name, sizeof name, "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(name);
    while (fds != NULL && !found && (entry = readdir(fds)) != NULL) {
        snprintf(name, sizeof name, "/proc/%d/fd/%.20s", (int)pid,
                 entry->d_name);
        ssize_t n = readlink(name, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (fds != NULL)
        closedir(fds);
    return found;
}

/* The process of the server's group that holds A's connection, or 0. */
static pid_t process_serving(const struct player *p)
{
    struct dirent *entry;
    pid_t found = 0;
    unsigned long inode = inode_of(p);
    DIR *processes = inode == 0 ? NULL : opendir("/proc");
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);
        if (pid > 0 && getpgid(pid) == server && holds(pid, inode))
            found = pid;
    }
    if (processes != NULL)
        closedir(processes);
    return found;
}
#else
static pid_t process_serving(const struct player *p) /* not to be had here */
{
    (void)p;
    return 0;
}
#endif

/* To whom it is that serves the client; that may be all of the server. */
static void do_signal_to(const struct action *a)
{
    char text[64];
    need_server();
    pid_t pid = process_serving(&players[a->who]);
    if (pid == 0)
        fail("  no process of the server can be seen to serve %s",
             players[a->who].name);
    snprintf(text, sizeof text, "%s, to %s's process", a->text,
             players[a->who].name);
    show("signal:", "1", TO_SERVER, text);
    may_end = may_end || pid == server;
    kill(pid, (int)a->number);
}

static void do_signal(const struct action *a)
{
    need_server();
    show("signal:", "1", TO_SERVER, a->text);
    may_end = may_end || (a->number != SIGSTOP && a->number != SIGCONT);
    kill(server, (int)a->number);
}

/* It ends, and takes with it whatever it has started. */
static void do_expect_exit(const struct action *a)
{
    until_ended(timeout);
    if (a->number != (WIFEXITED(status) ? WEXITSTATUS(status)
                                        : -WTERMSIG(status)))
        fail("  it ended otherwise");
    show_note(how_it_ended());
    kill_server();
    n_checks++;
}

static bool measured(struct usage *used)
{
    need_server();
    if (usage_of_server(used))
        return true;
    show_note("cannot be measured on this system");
    return false;
}

/* What the server uses in SECONDS. False: that cannot be seen here. */
static bool watch(double seconds, struct usage *used)
{
    struct usage before;
    if (!measured(&before))
        return false;
    pass(seconds);
    check_alive();
    usage_of_server(used);
    used->cpu -= before.cpu;
    used->sleeps -= before.sleeps;
    return true;
}

/* It may still be at work for others, or be woken by what is under way; but
   soon there has to be as long a rest as is asked for. */
static void do_idle(const struct action *a)
{
    struct usage used;
    char text[64];
    double end = now() + within(2);
    pass(0.02);
    do {
        if (!watch(a->seconds, &used))
            return;
    } while (used.cpu > 0 && now() < end);
    if (used.cpu > 0)
        fail("  wanted  no use of the CPU in %g s\n"
             "  and got  %.3f ms of it, and awake %ld times", a->seconds,
             used.cpu * 1000, used.sleeps);
    snprintf(text, sizeof text, "asleep: no CPU used in %g s", a->seconds);
    show_note(text);
    n_checks++;
}

static void do_measure(const struct action *a)
{
    struct usage used;
    char text[100];
    if (!watch(a->seconds, &used))
        return;
    if (used.sleeps == 0 && used.cpu > 0)
        snprintf(text, sizeof text, "in %g s: never slept, %.0f ms of CPU",
                 a->seconds, used.cpu * 1000);
    else
        snprintf(text, sizeof text, "in %g s: woke up %ld times, %.1f ms of "
                 "CPU", a->seconds, used.sleeps, used.cpu * 1000);
    show_note(text);
}

static void do_memory(const struct action *a)
{
    struct usage used;
    char text[100];
    if (!measured(&used))
        return;
    long more = used.memory - memory_when_ready;
    if (more > a->number)
        fail("  wanted  at most %ld KiB more memory than when it was ready\n"
             "  and got  %ld KiB more", a->number, more);
    snprintf(text, sizeof text, "%ld KiB more memory than at the start", more);
    show_note(text);
    n_checks++;
}

static void do_wait(const struct action *a)
{
    pass(a->seconds);
}

/* ----------------------------------------------------- reading the scene */

struct word {
    char *text;
    size_t length;
    bool quoted;
};

static struct word words[WORDS];
static size_t n_words, at; /* at: the next to be read */
static int line_number;

static struct { /* at the line that is being read */
    bool server, log, keyboard, crowd;
    int limit; /* the line of one that has no server yet */
} there;

static _Noreturn __attribute__((format(printf, 1, 2)))
void mistake(const char *format, ...)
{
    char text[500];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    fprintf(stderr, "%s:%d: %s\n", file, line_number, text);
    _exit(2);
}

/* One byte of a quoted text, at *S, which moves on. */
static char escaped(const char **s)
{
    static const char names[] = "abefnrtv'\"?\\";
    static const char codes[] = "\a\b\033\f\n\r\t\v'\"?\\";
    if (**s != '\\')
        return *(*s)++;
    bool hex = *++*s == 'x';
    size_t n = strspn(*s + hex, hex ? "0123456789abcdefABCDEF" : "01234567");
    size_t most = hex ? 2 : 3;
    if (n > 0) {
        char digits[4] = "";
        memcpy(digits, *s + hex, n < most ? n : most);
        *s += hex + strlen(digits);
        return (char)strtol(digits, NULL, hex ? 16 : 8);
    }
    const char *name = **s == '\0' ? NULL : strchr(names, **s);
    if (name == NULL)
        mistake("no such escape: \\%.1s", *s);
    (*s)++;
    return codes[name - names];
}

/* Split a doing into words, up to the end, a comment or a ";" outside of
   quotes. Returns what follows. */
static const char *split(const char *s)
{
    n_words = at = 0;
    for (s += strspn(s, " \t"); *s != '\0' && *s != '#' && *s != ';';
         s += strspn(s, " \t")) {
        struct word *w = &words[n_words++];
        if (n_words == WORDS)
            mistake("more than %d words", WORDS - 1);
        *w = (struct word){ grown(NULL, strlen(s) + 1), 0, *s == '"' };
        if (w->quoted) {
            for (s++; *s != '"' && *s != '\0';)
                w->text[w->length++] = escaped(&s);
            if (*s++ != '"')
                mistake("a \" is missing");
        } else {
            while (*s != '\0' && strchr(" \t;\"", *s) == NULL)
                w->text[w->length++] = *s++;
        }
        w->text[w->length] = '\0';
    }
    return s;
}

static bool next_is(const char *text)
{
    bool is = at < n_words && !words[at].quoted &&
              strcmp(words[at].text, text) == 0;
    at += is;
    return is;
}

static const char *next_word(const char *what)
{
    if (at == n_words)
        mistake("%s is missing at the end", what);
    return words[at++].text;
}

/* A whole number, if the next word is one. */
static bool next_number(long *number)
{
    char *end;
    if (at == n_words || words[at].quoted ||
        !isdigit((unsigned char)words[at].text[0]))
        return false;
    errno = 0;
    *number = strtol(words[at].text, &end, 10);
    if (*end != '\0' || errno != 0 || *number > 1000000000)
        return false;
    at++;
    return true;
}

static long need_number(const char *what, long least, long most)
{
    long number;
    const char *text = at < n_words ? words[at].text : "";
    if (!next_number(&number) || number < least || number > most)
        mistake("%s is wanted, a whole number from %ld to %ld, not '%s'",
                what, least, most, text);
    return number;
}

static double need_time(void)
{
    const char *text = next_word("a time, like 300ms or 1.5s,");
    char *unit;
    double value = strtod(text, &unit);
    if (unit == text || !(value > 0 && value <= 3600) ||
        (strcmp(unit, "ms") != 0 && strcmp(unit, "s") != 0))
        mistake("a time is wanted, like 300ms or 1.5s, not '%s'", text);
    return *unit == 'm' ? value / 1000 : value;
}

static struct bytes need_bytes(void)
{
    long times = 1;
    bool counted = next_number(&times);
    const char *text = next_word("\"text\", or N \"text\",");
    const struct word *w = &words[at - 1];
    if (w->length == 0 || times < 1)
        mistake("at least one byte is wanted");
    if (!counted && !w->quoted)
        mistake("text is wanted in quotes: \"%s\"", text);
    return (struct bytes){ w->text, w->length, (size_t)times };
}

static int need_signal(void)
{
    const char *name = next_word("the name of a signal");
    for (size_t i = 0; i < SIGNALS; i++)
        if (strcmp(name, signal_names[i].name + strlen("SIG")) == 0)
            return signal_names[i].number;
    mistake("no signal that a scene can name: '%s'", name);
}

static struct action *new_action(const char *source, bool joined)
{
    actions = grown(actions, (n_actions + 1) * sizeof *actions);
    struct action *a = &actions[n_actions++];
    *a = (struct action){ .line = line_number, .source = source,
                          .joined = joined };
    return a;
}

static void need(bool is_there, const char *what)
{
    if (!is_there)
        mistake("there is no %s at this point", what);
}

/* Can the client do this now? While reading "connecting" says that it is
   there, "shut_after" that it has shut. */
static void check_client(struct player *p, const char *verb)
{
    bool connects = strcmp(verb, "connect") == 0;
    bool shuts = strcmp(verb, "shut") == 0;
    if (connects)
        need(there.server, "server");
    else if (!p->connecting)
        mistake("%s is not connected at this point", p->name);
    else if (p->shut_after && (shuts || strcmp(verb, "send") == 0))
        mistake("%s has already sent its end of file", p->name);
    p->connecting = strcmp(verb, "close") != 0 && strcmp(verb, "reset") != 0;
    p->shut_after = shuts || (p->shut_after && !connects);
}

static void parse_client(struct action *a)
{
    const char *verb = next_word("what the client does");
    check_client(&players[a->who], verb);
    if (strcmp(verb, "connect") == 0) {
        a->act = do_connect;
    } else if (strcmp(verb, "send") == 0) {
        a->act = do_send;
        a->bytes = need_bytes();
        a->urgent = next_is("urgent");
        a->seconds = next_is("every") ? need_time() : 0;
    } else if (strcmp(verb, "expect") == 0) {
        bool end = next_is("eof"), reset = !end && next_is("reset");
        a->act = end || reset ? do_expect_end : do_expect;
        a->number = end ? END : RST;
        if (!end && !reset)
            a->wanted = need_bytes();
    } else if (strcmp(verb, "silent") == 0) {
        a->act = do_silent;
        a->seconds = need_time();
    } else if (strcmp(verb, "shut") == 0) {
        a->act = do_shut;
    } else if (strcmp(verb, "close") == 0) {
        a->act = do_close;
    } else if (strcmp(verb, "reset") == 0) {
        a->act = do_reset;
    } else {
        mistake("a client can connect, send, expect, be silent, shut, close "
                "or reset, but not '%s'", verb);
    }
}

/* Up to three doings: connect, send, expect. */
static void parse_crowd(struct action *a)
{
    bool connects = next_number(&a->number), some = connects;
    bool resets = !connects && next_is("resets");
    bool ends = resets || (!connects && next_is("leaves"));
    if (connects && a->number < 1)
        mistake("at least one client is wanted");
    a->act = connects ? do_crowd_connects : do_crowd_ends;
    if (ends)
        a->number = resets;
    if (!ends && next_is("send")) {
        a = some ? new_action(a->source, true) : a;
        a->act = do_crowd_sends;
        a->bytes = need_bytes();
        some = true;
    }
    if (!ends && next_is("expect")) {
        a = some ? new_action(a->source, true) : a;
        a->act = do_crowd_expects;
        a->wanted = need_bytes();
        some = true;
    }
    if (!some && !ends)
        mistake("crowd wants: N, send, expect, leaves or resets");
    need(connects ? there.server : there.crowd, connects ? "server" : "crowd");
    there.crowd = !ends;
}

/* The words from here on are the program's arguments. */
static void parse_server(struct action *a)
{
    static char dash_p[] = "-p", any[] = "0";
    size_t n = 1;
    a->argv = grown(NULL, (WORDS + 4) * sizeof *a->argv);
    if (a->text == NULL) { /* it is no "run" */
        a->argv[n++] = dash_p;
        a->argv[n++] = any;
    }
    while (at < n_words)
        a->argv[n++] = words[at++].text;
    a->argv[n] = NULL;
    there.server = there.log = there.keyboard = true;
    there.limit = 0;
}

static void parse_run(struct action *a)
{
    a->text = next_word("a program");
    parse_server(a);
}

static void parse_limit(struct action *a)
{
    a->number = need_number("how many files", 1, 1000000000);
    there.limit = line_number;
}

static void parse_memory(struct action *a)
{
    a->number = need_number("how many KiB", 0, 1000000000);
}

static void parse_time(struct action *a)
{
    a->seconds = need_time();
}

static size_t player_named(const char *name);

static void parse_signal(struct action *a)
{
    a->text = at < n_words ? words[at].text : "";
    a->number = need_signal();
    if (at == n_words)
        return;
    a->who = player_named(next_word("a client"));
    a->act = do_signal_to;
    if (!players[a->who].connecting)
        mistake("%s is not connected at this point", players[a->who].name);
}

static void parse_expect(struct action *a)
{
    if (next_is("exit"))
        a->number = need_number("an exit status", 0, 255);
    else if (next_is("killed"))
        a->number = -need_signal();
    else
        mistake("expect wants: exit N, or killed SIGNAL");
    there.server = there.keyboard = false;
}

static void parse_see(struct action *a)
{
    char why[200];
    need(there.log, "log");
    a->text = next_word("a \"regex\"");
    int error = regcomp(&a->regex, a->text, REG_EXTENDED | REG_NOSUB);
    if (error != 0) {
        regerror(error, &a->regex, why, sizeof why);
        mistake("\"%s\" is no regular expression: %s", a->text, why);
    }
}

static void parse_type(struct action *a)
{
    need(there.keyboard, "keyboard");
    there.keyboard = !next_is("eof");
    if (there.keyboard)
        a->bytes = need_bytes();
}

/* "say", "ask": all of the line, as it stands. */
static bool parse_sentence(struct action *a, const char *line)
{
    a->number = strncmp(line, "ask", 3) == 0;
    if ((!a->number && strncmp(line, "say", 3) != 0) ||
        strchr(" \t", line[3]) == NULL) /* it finds the end, too */
        return false;
    a->act = do_say;
    a->text = line + 3 + strspn(line + 3, " \t");
    if (*a->text == '\0')
        mistake("%.3s wants a sentence", line);
    return true;
}

/* The index of the client with this name; a new one gets the next colour. */
static size_t player_named(const char *name)
{
    for (size_t i = 0; i < n_players; i++)
        if (strcmp(players[i].name, name) == 0)
            return i;
    if (strlen(name) >= sizeof players->name)
        mistake("'%s' is too long for a name", name);
    players = grown(players, (n_players + 1) * sizeof *players);
    struct player *p = &players[n_players];
    *p = (struct player){ .fd = -1, .colour = (int)n_players };
    strcpy(p->name, name);
    return n_players++;
}

static const struct verb {
    const char *name;
    bool needs_server;
    void (*act)(const struct action *);
    void (*parse)(struct action *);
} verbs[] = {
    { "server", false, do_server, parse_server },
    { "run", false, do_server, parse_run },
    { "limit", false, do_limit, parse_limit },
    { "crowd", false, NULL, parse_crowd },
    { "type", true, do_type, parse_type },
    { "see", false, do_see, parse_see },
    { "signal", true, do_signal, parse_signal },
    { "expect", true, do_expect_exit, parse_expect },
    { "idle", true, do_idle, parse_time },
    { "measure", true, do_measure, parse_time },
    { "memory", true, do_memory, parse_memory },
    { "wait", false, do_wait, parse_time },
};

static void parse_doing(struct action *a)
{
    const char *word = next_word("what to do");
    if (isupper((unsigned char)word[0])) {
        a->who = player_named(word);
        parse_client(a);
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(word, verbs[i].name) != 0)
            continue;
        need(there.server || !verbs[i].needs_server, "server");
        a->act = verbs[i].act;
        verbs[i].parse(a);
        return;
    }
    mistake("no such word: '%s'; a client's name is capitalised", word);
}

/* One line of the scene: nothing, or one doing, or more with ";". */
static void parse_line(char *line)
{
    bool joined = false;
    const char *s = line + strspn(line, " \t");
    size_t length = strlen(line);
    while (length > 0 && isspace((unsigned char)line[length - 1]))
        line[--length] = '\0';
    while (*s != '\0' && *s != '#') {
        struct action *a = new_action(s, joined);
        if (parse_sentence(a, s))
            return;
        s = split(s);
        parse_doing(a);
        if (at < n_words)
            mistake("'%s' is one word too many", words[at].text);
        joined = *s == ';';
        s += joined;
        s += strspn(s, " \t");
    }
}

static void parse(void)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    if (f == NULL)
        err(2, "%s", file);
    while ((length = getline(&line, &size, f)) >= 0) {
        line_number++;
        if (strlen(line) < (size_t)length)
            mistake("there is a NUL byte in this line");
        if (title == NULL && strncmp(line, "# ", 2) == 0 &&
            strncmp(line, "# fails on:", 11) != 0)
            title = line + 2;
        parse_line(line);
        line = NULL; /* it is kept: doings point into it */
        size = 0;
    }
    if (ferror(f))
        err(2, "%s", file);
    if (f != stdin)
        fclose(f);
    if (n_actions == 0)
        errx(2, "%s: nothing happens in it", file);
    if (there.limit > 0) {
        line_number = there.limit;
        mistake("limit wants a server or run after it");
    }
    for (size_t i = 0; i < n_players; i++)
        players[i].connecting = players[i].shut_after = false;
    n_named = n_players;
    title = title == NULL ? file : title;
}

/* ----------------------------------------------------------------- main */

/* For --step. The log goes on meanwhile; at the end of input: no more. */
static void wait_for_enter(void)
{
    struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
    char c = 0;
    if (terminal) {
        printf("%s     [Enter]%s ", style("2"), style("0"));
        flush();
    }
    hushed = true;
    do {
        while (poll(&in, 1, 0) == 0)
            pump(0.05);
        if (read(STDIN_FILENO, &c, 1) != 1)
            step = false;
    } while (step && c != '\n');
    hushed = false;
    if (terminal && !(step && isatty(STDIN_FILENO))) /* no Enter is seen */
        putchar('\n');
}

/* Let SECONDS pass, to read; who types Enter has read it. */
static void let_read(double seconds)
{
    struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
    double end = now() + seconds;
    char c = 0;
    if (tcgetpgrp(STDIN_FILENO) != getpgrp())
        in.fd = -1; /* nobody types here, and a read() would stop us */
    while (c != '\n' && now() < end) {
        pump(0.05);
        if (poll(&in, 1, 0) > 0 && read(in.fd, &c, 1) != 1)
            return;
    }
}

/* Time to read: three words (or nine Chinese characters) a second or so. */
static double reading_time(const char *text)
{
    return pace * (2 + 0.4 * width_of(text) / 6);
}

static void play_line(const struct action *a)
{
    bool sentence = a->act == do_say;
    current = a;
    if (!a->joined && !sentence)
        pass(pace);
    a->act(a);
    if (sentence && step)
        wait_for_enter();
    else if (sentence && pace > 0)
        let_read(reading_time(a->text) * (a->number ? 2 : 1));
    if (a + 1 == actions + n_actions || !a[1].joined)
        settle();
}

/* No client got too much, and the server ends as it should. */
static void end_scene(void)
{
    static struct action end = { .source = "(the end of the scene)" };
    end.line = line_number;
    current = &end;
    for (size_t i = 0; i < n_players; i++)
        check_surplus(&players[i]);
    if (server != 0)
        end_server();
}

static void verdict(void)
{
    show_rest_of_log();
    printf("\n%s%s%s: all as expected%s: %d %s in %.1f s\n", style("1"),
           utf8 ? "✓ " : "", file, style("0"), n_checks,
           n_checks == 1 ? "check" : "checks", now() - started);
    flush();
}

static _Noreturn void usage(FILE *to, int exit_status)
{
    fputs("usage: play [--step] [--pace SECONDS] [--all] [--quiet] [--xray]\n"
          "            [--server PATH] [--timeout SECONDS] FILE.play\n"
          "what a scene can say stands at the top of clients/play.c\n", to);
    exit(exit_status);
}

static double seconds_in(const char *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= 0 && value <= 3600)
        return value;
    fprintf(stderr, "play: --%s wants seconds, 0 to 3600, not '%s'\n", option,
            text);
    usage(stderr, 2);
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
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
    int option;
    program = getenv("SERVER");
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
        switch (option) {
        case 's': step = true; break;
        case 'p': pace = seconds_in("pace", optarg); break;
        case 'a': all = true; break;
        case 'q': quiet = true; break;
        case 'x': xray = true; break;
        case 'S': program = optarg; break;
        case 't': timeout = seconds_in("timeout", optarg); break;
        case 'h': usage(stdout, 0);
        default: usage(stderr, 2);
        }
    if (optind + 1 != argc)
        usage(stderr, 2);
    file = argv[optind];
    if (program != NULL && program[0] == '\0')
        program = NULL;
    const char *slash = strrchr(argv[0], '/');
    snprintf(xray_path, sizeof xray_path, "%.*sxray",
             slash == NULL ? 0 : (int)(slash + 1 - argv[0]), argv[0]);
}

static void prepare_screen(void)
{
    struct winsize size;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    setlocale(LC_CTYPE, "");
    terminal = isatty(STDOUT_FILENO);
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!utf8) /* a scene is UTF-8 all the same */
        setlocale(LC_CTYPE, "C.UTF-8");
    colours = terminal && (no_color == NULL || no_color[0] == '\0') &&
              term != NULL && strcmp(term, "dumb") != 0;
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_col > 0)
        columns = size.ws_col < 120 ? size.ws_col : 120;
    lane = columns * 3 / 10;
    for (size_t i = 0; i < n_players; i++)
        if (lane < width_of(players[i].name) + 12)
            lane = width_of(players[i].name) + 12;
    if (columns < TIME_COLUMNS + lane + 2 + 18)
        columns = TIME_COLUMNS + lane + 2 + 18;
    if (pace < 0)
        pace = terminal ? 0.8 : 0;
    if (quiet && freopen("/dev/null", "w", stdout) == NULL)
        err(1, "/dev/null");
}

static void prepare_signals(void)
{
    static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD };
    struct sigaction action = { .sa_handler = note_signal };
    make_pipe(signals);
    set_flags(signals[0], true);
    set_flags(signals[1], true);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        action.sa_flags = wanted[i] == SIGCHLD ? SA_RESTART : 0;
        sigaction(wanted[i], &action, NULL);
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    int fd;
    do /* where one of the three is closed nothing else gets its number */
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
    for (fd = STDERR_FILENO + 1; fd < 256; fd++) /* the server's first is 3, */
        fcntl(fd, F_SETFD, FD_CLOEXEC);          /* whoever has started us */
    read_options(argc, argv);
    parse();
    prepare_screen();
#ifdef __linux__ /* orphans of the server become ours, if we have no others */
    adopts = waitpid(-1, NULL, WNOHANG) < 0 &&
             prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
#endif
    getrlimit(RLIMIT_NOFILE, &our_limit);
    limit = our_limit;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* for a crowd */
    start_guard();
    prepare_signals();

    started = now();
    show_title();
    for (size_t i = 0; i < n_actions; i++)
        play_line(&actions[i]);
    end_scene();
    verdict();
    finish(0);
}
