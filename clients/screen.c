/* screen: draws a scene on standard output. See screen.h. */
#include "screen.h"
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "columns.h"

enum {
    FIRST_LINES = 6,    /* of the log are drawn at once, after an action */
    LAST_LINES = 4,     /* of the other lines, before the next action */
    WITH_CALLS = 4,     /* times as many, if there are lines of xray */
    TIME_COLUMNS = 7,   /* for the time and a space */
    MOST_COLUMNS = 120, /* of a wider terminal are used */
    NO_TERMINAL = 100,  /* columns, in a file or a pipe */
    LEAST_SERVER = 18,  /* columns for the server's lane */
    LEAST_CLIENT = 12,  /* columns for the text beside a client's name */
    LEAST_NAME = 3,     /* letters of a file's name that is cut */
    LEAST_ARROW = 3,    /* columns */
    ESCAPED = 4,        /* bytes of \xHH */
    DRAWN_BYTES = LOG_LINE_BYTES * ESCAPED,
};

/* The clients' colours are of middle brightness: they can be read on a dark
   screen and on a light one. */
static const char *const codes[] = {
    [PLAIN] = "\033[0m",
    [BOLD] = "\033[1m",
    [DIM] = "\033[2m",
    [QUESTION] = "\033[1;38;5;172m",
    [WRONG] = "\033[1;31m",
    [SYSTEM_CALL] = "\033[36m",
    [CLIENT] = "\033[1;38;5;33m", "\033[1;38;5;170m", "\033[1;38;5;71m",
    "\033[1;38;5;172m", "\033[1;38;5;37m", "\033[1;38;5;135m",
};

/* --------------------------------------------------------- the beginning */

/* Set the width of the screen, and that of the clients' lane, which has room
   for their names. */
static void divide(struct screen *s, char *const *names, size_t n)
{
    struct winsize size;
    s->columns = NO_TERMINAL;
    if (s->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_col > 0)
        s->columns = size.ws_col < MOST_COLUMNS ? size.ws_col : MOST_COLUMNS;
    s->lane = s->columns * 3 / 10;
    for (size_t i = 0; i < n; i++)
        if (s->lane < columns_of(names[i]) + LEAST_CLIENT)
            s->lane = columns_of(names[i]) + LEAST_CLIENT;
    int least = TIME_COLUMNS + s->lane + 2 + LEAST_SERVER;
    if (s->columns < least)
        s->columns = least;
}

bool screen_begin(struct screen *s, char *const *names, size_t n, bool quiet)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    setlocale(LC_CTYPE, "");
    s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (s->utf8)
        dots = "…";
    else
        setlocale(LC_CTYPE, "C.UTF-8"); /* a scene is UTF-8 all the same */
    s->terminal = isatty(STDOUT_FILENO);
    s->colours = s->terminal && (no_color == NULL || no_color[0] == '\0') &&
                 term != NULL && strcmp(term, "dumb") != 0;
    divide(s, names, n);
    return !quiet || freopen("/dev/null", "w", stdout) != NULL ||
           fail("/dev/null: %s", strerror(errno));
}

void screen_label(struct screen *s, int port, struct label label)
{
    s->labels[port] = label;
}

const char *screen_style(const struct screen *s, enum style style)
{
    return s->colours ? codes[style] : "";
}

/* Write what has been drawn so far. */
static bool flush(struct screen *s)
{
    if (!ferror(stdout) && fflush(stdout) == 0)
        return true;
    if (s->error == 0)
        s->error = errno != 0 ? errno : EIO;
    return fail("cannot write: %s", strerror(s->error));
}

/* ----------------------------------------------------- pieces of a line */

static void repeat(const char *text, int times)
{
    while (times-- > 0)
        fputs(text, stdout);
}

/* Draw N bytes of TEXT in a style. */
static void put(const struct screen *s, enum style style, const char *text,
                int n)
{
    printf("%s%.*s%s", screen_style(s, style), n, text,
           screen_style(s, PLAIN));
}

/* Draw the time AT; or, if that is 0, leave its place empty. */
static void put_time(const struct screen *s, double at)
{
    if (at > 0)
        printf("%s%6.2f%s ", screen_style(s, DIM), at - s->started,
               screen_style(s, PLAIN));
    else
        repeat(" ", TIME_COLUMNS);
}

static void put_bar(const struct screen *s)
{
    const char *bar = s->utf8 ? "│" : "|";
    put(s, DIM, bar, (int)strlen(bar));
}

/* Draw an arrow from the text to the server's lane, or the other way. */
static void put_arrow(const struct screen *s, enum arrow arrow, int length)
{
    const char *line = s->utf8 ? "─" : "-";
    fputs(screen_style(s, DIM), stdout);
    if (arrow == NO_ARROW || length < LEAST_ARROW) {
        repeat(" ", length);
    } else if (arrow == TO_SERVER) {
        putchar(' ');
        repeat(line, length - 2);
        fputs(s->utf8 ? "▶" : ">", stdout);
    } else {
        fputs(s->utf8 ? " ◀" : " <", stdout);
        repeat(line, length - 2);
    }
    fputs(screen_style(s, PLAIN), stdout);
}

/* Draw what is on the left of the server's lane. */
static void begin_server_lane(const struct screen *s, double at)
{
    put_time(s, at);
    repeat(" ", s->lane);
    put_bar(s);
    putchar(' ');
}

static int server_columns(const struct screen *s)
{
    return s->columns - TIME_COLUMNS - s->lane - 2;
}

/* ------------------------------------------------------ the server's lane */

/* A text, and a style for each byte; PLAIN is the style of the whole text. */
struct drawing {
    char text[DRAWN_BYTES + 1];
    unsigned char styles[DRAWN_BYTES + 1];
};

/* The label of the client whose ADDRESS:PORT is at LINE, and the *LENGTH of
   that; NULL if no such thing is there. */
static const struct label *label_at(const struct screen *s, const char *line,
                                    size_t *length)
{
    unsigned port;
    int end;
    if (sscanf(line, "127.0.0.1:%u%n", &port, &end) != 1 || port >= 65536 ||
        s->labels[port].name == NULL)
        return NULL;
    *length = (size_t)end;
    return &s->labels[port];
}

/* A line of the log, with names for addresses and \xHH for what is no text. */
static const struct drawing *translate(const struct screen *s,
                                       const char *line)
{
    static struct drawing d;
    size_t at = 0, n, length;
    for (; *line != '\0'; line += length, at += n) {
        const struct label *label = label_at(s, line, &length);
        if (label != NULL) {
            n = strlen(strcpy(d.text + at, label->name));
        } else if (columns_at(line, &length) < 0 ||
                   (length > 1 && !s->utf8)) {
            n = (size_t)sprintf(d.text + at, "\\x%02x", (unsigned char)*line);
            length = 1;
        } else {
            memcpy(d.text + at, line, n = length);
        }
        memset(d.styles + at, label == NULL ? PLAIN : (int)label->style, n);
    }
    d.text[at] = '\0';
    return &d;
}

const char *screen_text(const struct screen *s, const char *line)
{
    return translate(s, line)->text;
}

/* Draw N bytes in STYLE, but those with a style of their own (in STYLES, if it
   is not NULL) in that one. */
static void put_drawing(const struct screen *s, const char *text,
                        const unsigned char *styles, size_t n,
                        enum style style)
{
    unsigned char before = PLAIN;
    fputs(screen_style(s, style), stdout);
    for (size_t i = 0; i < n; i++) {
        unsigned char this = styles == NULL ? PLAIN : styles[i];
        if (this != before)
            fputs(screen_style(s, this == PLAIN ? style : this), stdout);
        before = this;
        putchar(text[i]);
    }
    fputs(screen_style(s, PLAIN), stdout);
}

/* Draw the end of a line: PLACE, INDENT columns away. */
static void put_place(const struct screen *s, int indent, const char *place)
{
    if (place[0] != '\0') {
        repeat(" ", indent);
        put(s, DIM, place, (int)strlen(place));
    }
    putchar('\n');
}

/* Draw a text in the server's lane, and PLACE at the right edge; or, if there
   is no room for that, in a line below. */
static void draw_server(const struct screen *s, double at, const char *text,
                        const unsigned char *styles, enum style style,
                        const char *place)
{
    int room = server_columns(s), used, width = columns_of(place);
    bool beside = room - width > 12;
    const char *right = beside ? place : "", *below = beside ? "" : place;
    do {
        size_t n = columns_fit(text, *right != '\0' ? room - width - 1 : room,
                               &used);
        begin_server_lane(s, at);
        put_drawing(s, text, styles, n, style);
        put_place(s, room - width - used, right);
        n += strspn(text + n, " ");
        text += n;
        styles = styles == NULL ? NULL : styles + n;
        at = 0;
        right = "";
    } while (*text != '\0');
    if (*below != '\0') {
        begin_server_lane(s, 0);
        put_place(s, room - width, below);
    }
}

/* The length of FILE:LINE, if the line is "FILE:LINE: TEXT"; else 0. (An
   ADDRESS:PORT is no FILE:LINE.) */
static int place_in(const char *line)
{
    int n = (int)strcspn(line, ": ");
    int digits = line[n] == ':' ? (int)strspn(line + n + 1, "0123456789") : 0;
    bool is = digits > 0 && strncmp(line + n + 1 + digits, ": ", 2) == 0 &&
              (int)strspn(line, "0123456789.") < n;
    return is ? n + 1 + digits : 0;
}

/* The length of all before TEXT, if the line is xray's "xray TIME ms: TEXT";
   else 0. */
static int length_before_call(const struct screen *s, const char *line)
{
    int n = 0;
    if (s->calls)
        sscanf(line, "xray %*f ms: %n", &n);
    return n;
}

bool screen_is_call(const struct screen *s, const char *line)
{
    return length_before_call(s, line) > 0;
}

/* Write the PLACE of a line; if that is more than half of the server's lane,
   without its directory; if that is still more, without the end of its
   name. */
static const char *shorten(const struct screen *s, const char *place)
{
    static char text[DRAWN_BYTES + 20];
    const char *slash = strrchr(place, '/'), *line = strrchr(place, ':');
    int room = server_columns(s) / 2;
    if (columns_of(place) <= room)
        return place;
    const char *name = slash == NULL ? place : slash + 1;
    const char *before = slash == NULL ? "" : dots;
    int n = snprintf(text, sizeof text, "%s%s%s", before,
                     slash == NULL ? "" : "/", name);
    if (columns_of(text) <= room ||
        line - name <= LEAST_NAME)
        return text;
    int used, left = columns_of(before) + (slash != NULL) + columns_of(dots) +
                     (int)strlen(line);
    size_t fits = columns_fit(name, left + LEAST_NAME < room
                                    ? room - left : LEAST_NAME, &used);
    n -= (int)strlen(name);
    snprintf(text + n, sizeof text - (size_t)n, "%.*s%s%s", (int)fits, name,
             dots, line);
    return text;
}

/* Draw line I of the log: a text and the place that printed it, or a system
   call. */
static void draw_log_line(const struct screen *s, size_t i)
{
    static char place[DRAWN_BYTES + 1];
    const char *line = log_line(s->log, i);
    int call = length_before_call(s, line), length = place_in(line);
    snprintf(place, sizeof place, "%s", translate(s, line)->text);
    place[call > 0 ? 0 : place_in(place)] = '\0';
    if (place[0] == '\0')
        length = 0;
    const struct drawing *d =
        translate(s, line + (call > 0 ? call : length > 0 ? length + 2 : 0));
    draw_server(s, log_time(s->log, i), d->text, d->styles,
                call > 0 ? SYSTEM_CALL : PLAIN,
                call > 0 ? "kernel" : shorten(s, place));
}

static size_t times(const struct screen *s)
{
    return s->calls ? WITH_CALLS : 1;
}

bool screen_log(struct screen *s)
{
    size_t most = FIRST_LINES * times(s);
    for (; s->next < s->log->n &&
           (s->all || (s->drawn < most && !s->hushed)); s->next++, s->drawn++)
        draw_log_line(s, s->next = log_kept(s->log, s->next));
    return flush(s);
}

bool screen_held_back(struct screen *s)
{
    size_t held = s->log->n - s->next, most = LAST_LINES * times(s);
    size_t hidden = held > most ? held - most : 0;
    if (hidden > 0) {
        begin_server_lane(s, log_time(s->log, s->next + hidden - 1));
        printf("%s%s %zu more %s%s\n", screen_style(s, DIM), dots, hidden,
               hidden == 1 ? "line" : "lines", screen_style(s, PLAIN));
    }
    for (s->next += hidden; s->next < s->log->n; s->next++)
        draw_log_line(s, s->next);
    s->drawn = 0;
    return flush(s);
}

void screen_hush(struct screen *s, bool hush)
{
    s->hushed = hush;
    if (hush)
        s->drawn = FIRST_LINES * times(s);
}

bool screen_note(struct screen *s, const char *text)
{
    if (!screen_held_back(s))
        return false;
    draw_server(s, now(), translate(s, text)->text, NULL, BOLD, "");
    return flush(s);
}

/* ----------------------------------------------------- the clients' lane */

bool screen_client(struct screen *s, struct label client, enum arrow arrow,
                   const char *text)
{
    int name = (int)strlen(client.name);
    int indent = columns_of(client.name) + 1;
    double at = now();
    if (!screen_held_back(s))
        return false;
    for (bool first = true; first || *text != '\0'; first = false, at = 0) {
        int used, room = s->lane - indent;
        size_t n = columns_fit(text, room, &used);
        if (text[n] == '\0' && room - used < LEAST_ARROW &&
            arrow != NO_ARROW) /* one more line, with the arrow */
            n = columns_fit(text, room - LEAST_ARROW, &used);
        put_time(s, at);
        put(s, client.style, client.name, first ? name : 0);
        repeat(" ", first ? 1 : indent);
        printf("%.*s", (int)n, text);
        put_arrow(s, text[n] == '\0' ? arrow : NO_ARROW,
                  s->lane - indent - used);
        put_bar(s);
        putchar('\n');
        text += n + strspn(text + n, " ");
    }
    return flush(s);
}

/* ------------------------------------------------------- the whole width */

bool screen_title(struct screen *s, const char *title)
{
    printf("\n%s%s%s\n\n", screen_style(s, BOLD), title,
           screen_style(s, PLAIN));
    printf("%s%*s %-*s%s server%s\n", screen_style(s, DIM), TIME_COLUMNS - 1,
           "time", s->lane, "clients", s->utf8 ? "│" : "|",
           screen_style(s, PLAIN));
    return flush(s);
}

bool screen_sentence(struct screen *s, const char *text, bool question)
{
    const char *mark = question ? "?" : "";
    if (!screen_held_back(s))
        return false;
    for (putchar('\n'); *text != '\0'; mark = "") {
        int used;
        size_t n = columns_fit(text, s->columns - 6, &used);
        printf("%s%4s %.*s%s\n", screen_style(s, question ? QUESTION : BOLD),
               mark, (int)n, text, screen_style(s, PLAIN));
        text += n + strspn(text + n, " ");
    }
    putchar('\n');
    return flush(s);
}

bool screen_print(struct screen *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    return flush(s);
}
