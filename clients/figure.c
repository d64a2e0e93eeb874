/*
 * figure: draw a run as text, application above and kernel below.
 *
 * A figure is a grid of characters, a row a lane. Each piece of the run is put
 * into one or two rows; what comes later covers what was there.
 */
#include "figure.h"
#include <string.h>

enum { LABELS = 13, WIDEST = 400, ROWS = 5 + 2 * MOST_LANES }; /* columns */
enum { APPLICATION, ARROWS, KERNEL, UNREAD, RING, THREADS }; /* rows */
enum colour { PLAIN, DIM, COMPUTING, MESSAGE, OTHERS, COPY, REFUSAL, ASIGNAL };

static struct cell { char glyph[5]; enum colour colour; } grid[ROWS][WIDEST];
static int columns;        /* of the plot */
static double column_ms;

static int column(double ms)
{
    int c = (int)(ms / column_ms);
    return c < 0 ? 0 : c >= columns ? columns - 1 : c;
}

/* Write these characters, one a cell. */
static void put(int row, int at, const char *text, enum colour colour)
{
    for (; *text != '\0' && at < columns; at++) {
        struct cell *cell = &grid[row][at];
        size_t n = 1;
        while ((text[n] & 0xc0) == 0x80) /* the rest of a UTF-8 character */
            n++;
        memset(cell->glyph, 0, sizeof cell->glyph);
        memcpy(cell->glyph, text, n);
        cell->colour = colour;
        text += n;
    }
}

static void fill(int row, double from, double to, const char *glyph,
                 enum colour colour)
{
    for (int c = column(from); c <= column(to); c++)
        put(row, c, glyph, colour);
}

static bool is_blank(int row, int at, int n)
{
    for (int c = at; c < at + n; c++)
        if (c < 0 || c >= columns || (grid[row][c].glyph[0] != '\0' &&
                                      grid[row][c].glyph[0] != ' '))
            return false;
    return true;
}

static int app_row(int lane)
{
    return lane == 0 ? APPLICATION : THREADS + 2 * lane - 1;
}

static int kernel_row(int lane)
{
    return lane == 0 ? KERNEL : THREADS + 2 * lane - 2;
}

/* A box with the request's number in it: ▐1▌, ▐██1██▌. */
static void put_box(const struct piece *p)
{
    char number[16];
    int row = app_row(p->lane), from = column(p->start), to = column(p->end);
    if (to <= from || p->end - p->start < column_ms)
        return;
    for (int c = from; c < to; c++)
        put(row, c, "█", COMPUTING);
    put(row, from, "▐", COMPUTING);
    if (to - from > 2)
        put(row, to - 1, "▌", COMPUTING);
    snprintf(number, sizeof number, "%d", p->number);
    if (p->number > 0)
        put(row, (from + to) / 2, number, COMPUTING);
}

/* A wait, the same in both lanes. */
static void put_wait(const struct piece *p)
{
    static const char *const lines[] = {
        [FOR_MESSAGE] = "━", [FOR_OTHERS] = "─", [FOR_TIME] = "┄",
    };
    fill(kernel_row(p->lane), p->start, p->end, lines[p->kind],
         p->kind == FOR_MESSAGE ? MESSAGE :
         p->kind == FOR_OTHERS ? OTHERS : DIM);
    fill(app_row(p->lane), p->start, p->end, "·", DIM);
}

/* In the wait or, where it is too short, behind it: its call, how long. */
static void put_name(const struct piece *p)
{
    char text[3 * TEXT];
    const char *name = call_name(p->event);
    double ms = p->end - p->start;
    int row = kernel_row(p->lane), from = column(p->start);
    int room = column(p->end) - from, length;
    length = snprintf(text, sizeof text, " %s %.1f ms ", name, ms);
    if (length + 4 > room)
        length = snprintf(text, sizeof text, " %s ", name);
    if (length + 2 <= room) {
        put(row, from + (room - length) / 2, text, PLAIN);
        return;
    }
    length = snprintf(text, sizeof text, "%s %.1f ms", name, ms);
    if (!is_blank(row, from + room + 2, length))
        length = (int)strlen(strcpy(text, name));
    if (room > 2 && is_blank(row, from + room + 2, length + 1))
        put(row, from + room + 2, text, PLAIN);
}

/* The call goes down, and comes back. */
static void put_arrows(const struct piece *p)
{
    int from = column(p->start), to = column(p->end);
    bool both = p->kind == COPIES || from == to;
    enum colour colour = p->kind == COPIES ? COPY : DIM;
    if (p->kind == FOR_TIME || p->lane > 0 || (p->kind == COPIES &&
        (grid[ARROWS][to].colour == ASIGNAL || !p->takes)))
        return;
    bool returned = grid[ARROWS][to].glyph[0] != '\0' && p->kind == COPIES;
    put(ARROWS, from, returned ? "↑" : both ? "↕" : "↓", colour);
    if (!both)
        put(ARROWS, to, "↑", colour);
}

/* What there is to say, where there is room. */
static void put_labels(const struct run *run)
{
    char text[TEXT];
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        int at = column(p->start) + 2;
        if (is_wait(p)) {
            put_name(p);
        } else if (p->kind == SIGNALS) {
            snprintf(text, sizeof text, "%s", p->event->name);
            if (is_blank(ARROWS, at, (int)strlen(text)))
                put(ARROWS, at, text, ASIGNAL);
        }
    }
    int at = column(run->taken) + 2;
    snprintf(text, sizeof text, "%d x EAGAIN", run->in_vain);
    if (run->in_vain > 1 && is_blank(KERNEL, at, (int)strlen(text)))
        put(KERNEL, at, text, REFUSAL);
}

/* How many have come and lie unread, at each moment. */
static void put_unread(const struct run *run)
{
    for (int c = 0; c < columns; c++) {
        int n = 0;
        char text[16];
        for (size_t i = 0; i < run->n_pieces; i++) {
            const struct piece *p = &run->pieces[i];
            if (p->kind == COMES && column(p->start) <= c &&
                (c < column(p->end) || c == column(p->start)))
                n++;
        }
        snprintf(text, sizeof text, "%c", n > 9 ? '+' : '0' + n);
        if (n > 0)
            put(UNREAD, c, text, PLAIN);
    }
}

static const char *escape(enum colour colour)
{
    static const char *const codes[] = {
        "\033[0m", "\033[2m", "\033[33m", "\033[1;34m", "\033[36m",
        "\033[1;32m", "\033[31m", "\033[1;35m",
    };
    return codes[colour];
}

static void print_row(FILE *out, const char *label, int row, bool colours)
{
    enum colour now = PLAIN;
    int last = columns - 1;
    while (last > 0 && is_blank(row, last, 1))
        last--;
    fprintf(out, "%*s  ", LABELS - 2, label);
    for (int c = 0; c <= last; c++) {
        const struct cell *cell = &grid[row][c];
        if (colours && cell->colour != now)
            fprintf(out, "%s%s", escape(PLAIN), escape(cell->colour));
        now = cell->colour;
        fputs(cell->glyph[0] != '\0' ? cell->glyph : " ", out);
    }
    fprintf(out, "%s\n", colours && now != PLAIN ? escape(PLAIN) : "");
}

static void set_scale(double to, int width)
{
    columns = width - LABELS > WIDEST ? WIDEST : width - LABELS;
    column_ms = to / columns;
    memset(grid, 0, sizeof grid);
}

static void put_pieces(const struct run *run)
{
    static const char *const marks[] = { [COPIES] = "●", [REFUSES] = "×" };
    for (int kind = FOR_TIME; kind >= (int)COMPUTES; kind--)
        for (size_t i = 0; i < run->n_pieces; i++) {
            const struct piece *p = &run->pieces[i];
            if ((int)p->kind == kind && kind == COMPUTES)
                put_box(p);
            else if ((int)p->kind == kind)
                put_wait(p);
        }
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (p->kind == IN_RING)
            fill(RING, p->start, p->end, "━", MESSAGE);
        else if (p->kind == SIGNALS && p->lane == 0)
            put(ARROWS, column(p->start), "↑", ASIGNAL);
    }
    for (size_t i = 0; i < run->n_pieces; i++)
        if (run->pieces[i].kind == FOR_MESSAGE ||
            run->pieces[i].kind == FOR_OTHERS)
            put_arrows(&run->pieces[i]);
    for (int kind = REFUSES; kind >= (int)COPIES; kind--)
        for (size_t i = 0; i < run->n_pieces; i++) {
            const struct piece *p = &run->pieces[i];
            if ((int)p->kind != kind)
                continue;
            put(kernel_row(p->lane), column(p->start), marks[kind],
                kind == COPIES ? COPY : REFUSAL);
            if (kind == COPIES)
                put_arrows(p);
        }
}

void text_figure(FILE *out, const struct run *run, double to, int width,
                 bool colours)
{
    const char *right = run->trouble[0] != '\0' ? "" : story(run);
    int room = *right == '\0' ? 0 : width - (int)strlen(right);
    char label[32];
    fprintf(out, "%s%-*s%s%s\n", colours ? "\033[1m" : "", room, run->name,
            colours ? "\033[0m" : "", right);
    if (run->trouble[0] != '\0') {
        for (const char *rest = run->trouble; *rest != '\0';) {
            int length = (int)line_of(rest, (size_t)(width - LABELS));
            fprintf(out, "%*s%.*s\n", LABELS, "", length, rest);
            rest += length + (rest[length] == ' ');
        }
        fprintf(out, "\n");
        return;
    }
    set_scale(to, width);
    put_pieces(run);
    put_labels(run);
    put_unread(run);
    for (int row = 0; run->message >= 0 && row < ROWS; row++)
        if (is_blank(row, column(run->came), 1))
            put(row, column(run->came), "┊", DIM);
    print_row(out, "application", APPLICATION, colours);
    print_row(out, "", ARROWS, colours);
    print_row(out, "kernel", KERNEL, colours);
    if (run->message >= 0)
        print_row(out, "unread", UNREAD, colours);
    if (run->message >= 0 && run->copying < 0)
        print_row(out, "its ring", RING, colours);
    for (int lane = 1; lane < run->lanes; lane++) {
        snprintf(label, sizeof label, "thread %d", lane + 1);
        print_row(out, "kernel", kernel_row(lane), colours);
        print_row(out, label, app_row(lane), colours);
    }
    fprintf(out, "\n");
}

void text_axis(FILE *out, double to, int width, bool colours)
{
    char text[32];
    double tick = tick_of(to);
    set_scale(to, width);
    for (double ms = 0; ms < to; ms += tick) {
        snprintf(text, sizeof text, "%g", ms);
        put(1, column(ms), "┬", DIM);
        if (is_blank(0, column(ms), (int)strlen(text)))
            put(0, column(ms), text, PLAIN);
    }
    for (int c = 0; c < columns; c++)
        if (is_blank(1, c, 1))
            put(1, c, "─", DIM);
    print_row(out, "ms", 0, colours);
    print_row(out, "", 1, colours);
}

void text_legend(FILE *out, bool colours)
{
    set_scale(1, LABELS + 70);
    put(0, 0, "▐1▌", COMPUTING);
    put(0, 4, "computes (for request 1)   · asleep in a call", PLAIN);
    put(1, 0, "↓ a call   ↑ its return   ↕ both at once", PLAIN);
    put(2, 0, "━", MESSAGE);
    put(2, 2, "sleeps for the message   ─ for requests or both   ┄ for time",
        PLAIN);
    put(3, 0, "●", COPY);
    put(3, 2, "data is copied           × refused: EAGAIN", PLAIN);
    put(4, 0, "1", PLAIN);
    put(4, 2, "so many have come, and lie there   ┊ the message comes", PLAIN);
    print_row(out, "application", 0, colours);
    print_row(out, "", 1, colours);
    print_row(out, "kernel", 2, colours);
    print_row(out, "", 3, colours);
    print_row(out, "unread", 4, colours);
    fprintf(out, "\n");
}
