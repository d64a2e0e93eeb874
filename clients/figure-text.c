/*
 * figure-text: draw a timeline as text, application above and kernel below.
 *
 * A figure is a grid of characters with a row for each lane. Each span of the
 * timeline puts its signs into one or two rows, over those that are there.
 * Look at put_spans(): the order matters.
 */
#include "figure-text.h"
#include "figure.h"
#include <string.h>

enum {
    LABELS = 13,  /* columns to the left of the plot */
    WIDEST = 400, /* columns of the plot */
};

/* Each further lane has two rows behind these: kernel, application. */
enum row { APPLICATION, ARROWS, KERNEL, INBOX, RING, FURTHER };
enum { ROWS = FURTHER + 2 * (MOST_LANES - 1) };

enum colour {
    PLAIN, DIM, COMPUTE_COLOUR, MESSAGE_COLOUR, OTHER_COLOUR, COPY_COLOUR,
    REFUSAL_COLOUR, SIGNAL_COLOUR,
};

struct grid {
    struct {
        char glyph[5]; /* one character in UTF-8, or "" */
        enum colour colour;
    } cells[ROWS][WIDEST];
    int columns; /* of the plot */
    double column_ms;
};

static void clear(struct grid *g, double to, int width)
{
    memset(g, 0, sizeof *g);
    g->columns = width - LABELS > WIDEST ? WIDEST : width - LABELS;
    g->column_ms = to / g->columns;
}

/* The column of this moment, or the nearest in the plot. */
static int column(const struct grid *g, double ms)
{
    int c = (int)(ms / g->column_ms);
    return c < 0 ? 0 : c >= g->columns ? g->columns - 1 : c;
}

/* Write TEXT, one character a cell; what is right of the plot is cut off. */
static void put(struct grid *g, int row, int at, const char *text,
                enum colour colour)
{
    for (; *text != '\0' && at < g->columns; at++) {
        char *glyph = g->cells[row][at].glyph;
        size_t n = 1;
        while ((text[n] & 0xc0) == 0x80) /* the rest of a UTF-8 character */
            n++;
        memset(glyph, 0, sizeof g->cells[row][at].glyph);
        memcpy(glyph, text, n);
        g->cells[row][at].colour = colour;
        text += n;
    }
}

static void fill(struct grid *g, int row, const struct span *s,
                 const char *glyph, enum colour colour)
{
    for (int c = column(g, s->start); c <= column(g, s->end); c++)
        put(g, row, c, glyph, colour);
}

static bool is_blank(const struct grid *g, int row, int at, int n)
{
    for (int c = at; c < at + n; c++)
        if (c < 0 || c >= g->columns ||
            (g->cells[row][c].glyph[0] != '\0' &&
             g->cells[row][c].glyph[0] != ' '))
            return false;
    return true;
}

/* How many columns TEXT takes: its bytes, but one for a UTF-8 character. */
static int text_columns(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static void put_if_blank(struct grid *g, int row, int at, const char *text,
                         enum colour colour)
{
    if (is_blank(g, row, at, text_columns(text)))
        put(g, row, at, text, colour);
}

static int app_row(int lane)
{
    return lane == 0 ? APPLICATION : FURTHER + 2 * lane - 1;
}

static int kernel_row(int lane)
{
    return lane == 0 ? KERNEL : FURTHER + 2 * lane - 2;
}

/* ---------------------------------------------------------- the spans */

/* A box with the request's number in it: ▐1▌, ▐██1██▌. */
static void put_compute(struct grid *g, const struct span *s)
{
    char number[16];
    int row = app_row(s->lane);
    int from = column(g, s->start), to = column(g, s->end);
    if (to <= from || s->end - s->start < g->column_ms)
        return;
    for (int c = from; c < to; c++)
        put(g, row, c, "█", COMPUTE_COLOUR);
    put(g, row, from, "▐", COMPUTE_COLOUR);
    if (to - from > 2)
        put(g, row, to - 1, "▌", COMPUTE_COLOUR);
    snprintf(number, sizeof number, "%d", s->number);
    if (s->number > 0)
        put(g, row, (from + to) / 2, number, COMPUTE_COLOUR);
}

/* The thread's two rows show it. */
static void put_wait(struct grid *g, const struct span *s)
{
    int kernel = kernel_row(s->lane);
    if (s->kind == WAIT_MESSAGE)
        fill(g, kernel, s, "━", MESSAGE_COLOUR);
    else if (s->kind == WAIT_OTHER)
        fill(g, kernel, s, "─", OTHER_COLOUR);
    else
        fill(g, kernel, s, "┄", DIM);
    fill(g, app_row(s->lane), s, "·", DIM);
}

/* A wait: the program calls, and the call returns. */
static void put_wait_arrows(struct grid *g, const struct span *s)
{
    int from = column(g, s->start), to = column(g, s->end);
    if (s->kind == WAIT_TIME || s->lane > 0)
        return;
    put(g, ARROWS, from, from == to ? "↕" : "↓", DIM);
    if (from != to)
        put(g, ARROWS, to, "↑", DIM);
}

/* A copy: the call returns with data, unless a signal's arrow is there. */
static void put_copy_arrow(struct grid *g, const struct span *s)
{
    int at = column(g, s->start);
    bool taken = g->cells[ARROWS][at].glyph[0] != '\0';
    if (s->lane == 0 && s->received &&
        g->cells[ARROWS][at].colour != SIGNAL_COLOUR)
        put(g, ARROWS, at, taken ? "↑" : "↕", COPY_COLOUR);
}

static void put_spans_of(struct grid *g, const struct timeline *t,
                         enum span_kind kind,
                         void put_span(struct grid *, const struct span *))
{
    for (size_t i = 0; i < t->n_spans; i++)
        if (t->spans[i].kind == kind)
            put_span(g, &t->spans[i]);
}

static void put_ring_wait(struct grid *g, const struct span *s)
{
    fill(g, RING, s, "━", MESSAGE_COLOUR);
}

static void put_signal(struct grid *g, const struct span *s)
{
    if (s->lane == 0)
        put(g, ARROWS, column(g, s->start), "↑", SIGNAL_COLOUR);
}

static void put_refusal(struct grid *g, const struct span *s)
{
    put(g, kernel_row(s->lane), column(g, s->start), "×", REFUSAL_COLOUR);
}

static void put_copy(struct grid *g, const struct span *s)
{
    put(g, kernel_row(s->lane), column(g, s->start), "●", COPY_COLOUR);
    put_copy_arrow(g, s);
}

/* What comes later covers what is there, so the rare kinds come last. */
static void put_spans(struct grid *g, const struct timeline *t)
{
    put_spans_of(g, t, WAIT_TIME, put_wait);
    put_spans_of(g, t, WAIT_OTHER, put_wait);
    put_spans_of(g, t, WAIT_MESSAGE, put_wait);
    put_spans_of(g, t, COMPUTE, put_compute);
    put_spans_of(g, t, RING_WAIT, put_ring_wait);
    put_spans_of(g, t, SIGNAL, put_signal);
    for (size_t i = 0; i < t->n_spans; i++)
        if (is_wait(&t->spans[i]))
            put_wait_arrows(g, &t->spans[i]);
    put_spans_of(g, t, REFUSAL, put_refusal);
    put_spans_of(g, t, COPY, put_copy);
}

/* --------------------------------------------------------- the labels */

/* A wait's call and time: in the middle of the wait, or else behind it; then
   without the time, or not at all. */
static void put_wait_label(struct grid *g, const struct span *s)
{
    char name[LABEL], text[LABEL + 32];
    double ms = s->end - s->start;
    int row = kernel_row(s->lane), from = column(g, s->start);
    int room = column(g, s->end) - from, behind = from + room + 2;
    call_label(s->event, name);
    int length = snprintf(text, sizeof text, " %s %.1f ms ", name, ms);
    if (length + 4 > room)
        length = snprintf(text, sizeof text, " %s ", name);
    if (length + 2 <= room) {
        put(g, row, from + (room - length) / 2, text, PLAIN);
        return;
    }
    length = snprintf(text, sizeof text, "%s %.1f ms", name, ms);
    if (!is_blank(g, row, behind, length))
        length = snprintf(text, sizeof text, "%s", name);
    if (room > 2 && is_blank(g, row, behind, length + 1))
        put(g, row, behind, text, PLAIN);
}

static void put_labels(struct grid *g, const struct timeline *t)
{
    char text[TEXT];
    for (size_t i = 0; i < t->n_spans; i++) {
        const struct span *s = &t->spans[i];
        if (is_wait(s))
            put_wait_label(g, s);
        else if (s->kind == SIGNAL)
            put_if_blank(g, ARROWS, column(g, s->start) + 2, s->event->name,
                         SIGNAL_COLOUR);
    }
    snprintf(text, sizeof text, "%d x EAGAIN", t->eagain_count);
    if (t->eagain_count > 1)
        put_if_blank(g, KERNEL, column(g, t->received) + 2, text,
                     REFUSAL_COLOUR);
}

static bool is_unread_at(const struct grid *g, const struct span *s, int c)
{
    int from = column(g, s->start), to = column(g, s->end);
    return s->kind == UNREAD && (c == from || (from < c && c < to));
}

/* How many requests and messages are unread, column by column. */
static void put_unread(struct grid *g, const struct timeline *t)
{
    for (int c = 0; c < g->columns; c++) {
        int n = 0;
        char text[2] = "";
        for (size_t i = 0; i < t->n_spans; i++)
            n += is_unread_at(g, &t->spans[i], c);
        text[0] = (char)(n > 9 ? '+' : '0' + n);
        if (n > 0)
            put(g, INBOX, c, text, PLAIN);
    }
}

/* The moment when the message arrives: a line from top to bottom. */
static void put_arrival(struct grid *g, const struct timeline *t)
{
    for (int row = 0; row < ROWS; row++)
        put_if_blank(g, row, column(g, t->arrived), "┊", DIM);
}

/* ---------------------------------------------------------- the output */

static const char *escape(enum colour colour)
{
    static const char *const codes[] = {
        "\033[0m", "\033[2m", "\033[33m", "\033[1;34m", "\033[36m",
        "\033[1;32m", "\033[31m", "\033[1;35m",
    };
    return codes[colour];
}

static void print_row(FILE *out, const struct grid *g, int row,
                      const char *label, bool colours)
{
    enum colour now = PLAIN;
    int last = g->columns - 1;
    while (last > 0 && is_blank(g, row, last, 1))
        last--;
    fprintf(out, "%*s  ", LABELS - 2, label);
    for (int c = 0; c <= last; c++) {
        const char *glyph = g->cells[row][c].glyph;
        enum colour colour = g->cells[row][c].colour;
        if (colours && colour != now)
            fprintf(out, "%s%s", escape(PLAIN), escape(colour));
        now = colour;
        fputs(glyph[0] != '\0' ? glyph : " ", out);
    }
    fprintf(out, "%s\n", colours && now != PLAIN ? escape(PLAIN) : "");
}

static void print_rows(FILE *out, const struct grid *g,
                       const struct timeline *t, bool colours)
{
    char label[32];
    print_row(out, g, APPLICATION, "application", colours);
    print_row(out, g, ARROWS, "", colours);
    print_row(out, g, KERNEL, "kernel", colours);
    if (t->message_fd >= 0)
        print_row(out, g, INBOX, "unread", colours);
    if (t->message_fd >= 0 && t->copy_ms < 0)
        print_row(out, g, RING, "its ring", colours);
    for (int lane = 1; lane < t->n_lanes; lane++) {
        snprintf(label, sizeof label, "thread %d", lane + 1);
        print_row(out, g, kernel_row(lane), "kernel", colours);
        print_row(out, g, app_row(lane), label, colours);
    }
}

static void print_title(FILE *out, const struct timeline *t, int width,
                        bool colours)
{
    char summary[TEXT] = "";
    if (t->error[0] == '\0')
        timeline_summary(t, summary, sizeof summary);
    int room = summary[0] == '\0' ? 0 : width - (int)strlen(summary);
    fprintf(out, "%s%-*s%s%s\n", colours ? "\033[1m" : "", room, t->name,
            colours ? "\033[0m" : "", summary);
}

static void print_error(FILE *out, const char *text, int width)
{
    while (*text != '\0') {
        int length = (int)line_length(text, (size_t)(width - LABELS));
        fprintf(out, "%*s%.*s\n", LABELS, "", length, text);
        text += length + (text[length] == ' ');
    }
}

void text_figure(FILE *out, const struct timeline *t, double to, int width,
                 bool colours)
{
    struct grid g;
    print_title(out, t, width, colours);
    if (t->error[0] != '\0') {
        print_error(out, t->error, width);
    } else {
        clear(&g, to, width);
        put_spans(&g, t);
        put_labels(&g, t);
        put_unread(&g, t);
        if (t->message_fd >= 0)
            put_arrival(&g, t);
        print_rows(out, &g, t, colours);
    }
    fprintf(out, "\n");
}

void text_axis(FILE *out, double to, int width, bool colours)
{
    enum { NUMBERS, MARKS };
    struct grid g;
    char text[32];
    double step = axis_step(to);
    clear(&g, to, width);
    for (double ms = 0; ms < to; ms += step) {
        snprintf(text, sizeof text, "%g", ms);
        put(&g, MARKS, column(&g, ms), "┬", DIM);
        put_if_blank(&g, NUMBERS, column(&g, ms), text, PLAIN);
    }
    for (int c = 0; c < g.columns; c++)
        put_if_blank(&g, MARKS, c, "─", DIM);
    print_row(out, &g, NUMBERS, "ms", colours);
    print_row(out, &g, MARKS, "", colours);
}

void text_legend(FILE *out, bool colours)
{
    struct grid g;
    clear(&g, 1, LABELS + 70);
    put(&g, 0, 0, "▐1▌", COMPUTE_COLOUR);
    put(&g, 0, 4, "computes (for request 1)   · asleep in a call", PLAIN);
    put(&g, 1, 0, "↓ a call   ↑ its return   ↕ both at once", PLAIN);
    put(&g, 2, 0, "━", MESSAGE_COLOUR);
    put(&g, 2, 2, "sleeps for the message   ─ for requests or both   "
        "┄ for time", PLAIN);
    put(&g, 3, 0, "●", COPY_COLOUR);
    put(&g, 3, 2, "data is copied           × refused: EAGAIN", PLAIN);
    put(&g, 4, 0, "1", PLAIN);
    put(&g, 4, 2, "how many are unread      ┊ the message arrives", PLAIN);
    print_row(out, &g, 0, "application", colours);
    print_row(out, &g, 1, "", colours);
    print_row(out, &g, 2, "kernel", colours);
    print_row(out, &g, 3, "", colours);
    print_row(out, &g, 4, "unread", colours);
    fprintf(out, "\n");
}
