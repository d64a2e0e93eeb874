/*
 * figure: draw a run of a program, application above and kernel below.
 *
 * See figure.h for what is drawn. The events are first turned into pieces,
 * and these are drawn twice: as text, then as SVG. Look at sleeps_for() for
 * which wait is whose.
 */
#include "figure.h"
#include <ctype.h>
#include <err.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------- from events to pieces */

enum { MOST_PAIRS = 16 }; /* socketpairs that we know the ends of */

static struct { /* what is known so far, while a run is examined */
    struct run *run;
    int ours[MOST_PAIRS], theirs[MOST_PAIRS], pairs; /* fds */
    pid_t tids[MOST_LANES];
    double free[MOST_LANES];  /* since when a thread has been in no call */
    int in_hand[MOST_LANES];  /* the request that it has read last */
    double submitted;         /* to io_uring; less than 0: nothing */
} so_far;

void keep(struct run *run, const struct event *event)
{
    if (event->what == CALL_SLEEPS || event->what == OVER || event->is_log)
        return;
    if (run->n == MOST_EVENTS) {
        run->left_out++;
        return;
    }
    if ((run->n & (run->n - 1)) == 0) { /* 0, 1, 2, 4 ... : twice the room */
        size_t room = run->n == 0 ? 1 : 2 * run->n;
        run->events = realloc(run->events, room * sizeof *run->events);
        if (!run->events)
            err(1, "malloc");
    }
    run->events[run->n++] = *event;
}

static struct piece *add_piece(enum piece_kind kind, int lane, double start,
                               double end, const struct event *event)
{
    struct run *run = so_far.run;
    size_t n = run->n_pieces;
    if ((n & (n - 1)) == 0) {
        size_t room = n == 0 ? 1 : 2 * n;
        run->pieces = realloc(run->pieces, room * sizeof *run->pieces);
        if (!run->pieces)
            err(1, "malloc");
    }
    start = start < run->zero ? 0 : start - run->zero;
    end = end < run->zero ? 0 : end - run->zero;
    run->pieces[n] = (struct piece){ .kind = kind, .lane = lane, .event = event,
                                     .start = start, .end = end, .fd = -1 };
    run->n_pieces++;
    return &run->pieces[n];
}

static bool names(const char *name, const char *one_of)
{
    const char *found = strstr(one_of, name);
    size_t length = strlen(name);
    return found && (found == one_of || found[-1] == ' ') &&
           (found[length] == ' ' || found[length] == '\0');
}

static bool takes(const struct event *e)
{
    return e->what == CALL && e->bytes > 0 &&
           names(e->name, "recv recvfrom recvmsg read readv pread");
}

static bool gives(const struct event *e)
{
    return e->what == CALL && e->bytes > 0 &&
           names(e->name, "send sendto sendmsg write writev");
}

/* What others send to us, by the ends of our socketpairs. The last is the
   message, the fd that it comes on is the message's. */
static void find_arrivals(void)
{
    struct run *run = so_far.run;
    for (size_t i = 0; i < run->n; i++) {
        const struct event *e = &run->events[i];
        int ours = -1;
        for (int p = 0; p < so_far.pairs; p++)
            if (gives(e) && e->pid != run->pid && e->fd == so_far.theirs[p])
                ours = so_far.ours[p];
        if (ours < 0)
            continue;
        add_piece(COMES, 0, e->start, 1e9, e)->fd = ours;
        run->message = run->has_message ? ours : -1;
        run->came = e->start - run->zero;
        run->size = e->bytes;
    }
    int number = 0;
    for (size_t i = 0; i < run->n_pieces; i++)
        if (run->pieces[i].fd != run->message)
            run->pieces[i].number = ++number;
}

static void find_pairs(void)
{
    struct run *run = so_far.run;
    for (size_t i = 0; i < run->n; i++) {
        const struct event *e = &run->events[i];
        int p = so_far.pairs;
        if (e->what != CALL || strcmp(e->name, "socketpair") != 0 ||
            e->pid != run->pid || p == MOST_PAIRS ||
            sscanf(e->got, "%d, %d", &so_far.ours[p], &so_far.theirs[p]) != 2)
            continue;
        so_far.pairs++;
        if (run->has_message)
            run->zero = e->end; /* then the task begins */
    }
}

/* What a call that slept has waited for. It is told by the fds that the call
   names; where it names none, by what was there as it woke. */
static enum piece_kind sleeps_for(const struct event *e)
{
    const struct run *run = so_far.run;
    char *rest;
    long fd = strtol(e->asked, &rest, 10);
    if (strcmp(e->name, "nanosleep") == 0)
        return FOR_TIME;
    if (run->message < 0)
        return FOR_MESSAGE;
    if (rest > e->asked && e->name[0] != 'e') /* not "2 watched", of epoll */
        return fd == run->message && *rest != ',' ? FOR_MESSAGE : FOR_OTHERS;
    return e->start - run->zero <= run->came && run->came <= e->end - run->zero
        ? FOR_MESSAGE : FOR_OTHERS;
}

/* A call has returned with data. */
static void take(int lane, const struct event *e)
{
    struct run *run = so_far.run;
    double at = e->end - run->zero;
    struct piece *copy = add_piece(COPIES, lane, e->end, e->end, e);
    copy->fd = e->fd;
    copy->takes = takes(e);
    if (!copy->takes || !e->on_socket)
        return;
    if (e->fd == run->message) {
        run->taken = at;
        run->copying = e->ran;
    } else {
        copy->number = so_far.in_hand[lane] = ++run->requests;
        run->early += at < run->came;
    }
    for (size_t i = 0; i < run->n_pieces; i++) {
        struct piece *p = &run->pieces[i];
        if (p->kind == COMES && p->fd == e->fd && p->end > 1e8) {
            p->end = at;
            if (p->fd != run->message && at - p->start > run->patience)
                run->patience = at - p->start;
            return;
        }
    }
}

/* A thread has been in no call until now: so it has computed. */
static void computes(int lane, double until)
{
    if (until > so_far.free[lane] && until > so_far.run->zero)
        add_piece(COMPUTES, lane, so_far.free[lane], until, NULL)->number =
            so_far.in_hand[lane];
    so_far.in_hand[lane] = 0;
}

static void a_call(int lane, const struct event *e)
{
    struct run *run = so_far.run;
    int submits;
    computes(lane, e->start);
    so_far.free[lane] = e->end;
    if (e->start < run->zero)
        return;
    run->calls += strcmp(e->name, "close") != 0;
    run->in_vain += e->refused;
    if (e->slept)
        add_piece(sleeps_for(e), lane, e->start, e->end, e);
    if (e->refused)
        add_piece(REFUSES, lane, e->end, e->end, e);
    if (takes(e) || gives(e))
        take(lane, e);
    if (sscanf(e->asked, "submit %d", &submits) != 1)
        return;
    if (submits > 0)
        so_far.submitted = e->end;
    else if (run->taken < 0 && e->end - run->zero > run->came)
        run->taken = e->end - run->zero; /* it tells of the completion */
}

static int lane_of(pid_t tid)
{
    struct run *run = so_far.run;
    for (int i = 0; i < run->lanes; i++)
        if (so_far.tids[i] == tid)
            return i;
    return -1;
}

static void a_thread(const struct event *e)
{
    struct run *run = so_far.run;
    if (lane_of(e->tid) >= 0)
        return; /* it has exec'd */
    if (run->lanes == MOST_LANES) {
        run->more++;
        return;
    }
    so_far.free[run->lanes] = e->start;
    so_far.tids[run->lanes++] = e->tid;
}

static void one_event(const struct event *e)
{
    struct run *run = so_far.run;
    int lane = lane_of(e->tid);
    run->end = e->end - run->zero > run->end ? e->end - run->zero : run->end;
    if (e->what == BEGIN) {
        a_thread(e);
    } else if (e->what == SIGNAL && strcmp(e->name, "SIGCHLD") != 0) {
        run->signals++;
        run->signal = e->name;
        if (lane >= 0)
            add_piece(SIGNALS, lane, e->end, e->end, e);
    } else if (e->what == CALL && lane >= 0) {
        a_call(lane, e);
    } else if (e->what == END && lane >= 0) {
        if (so_far.free[lane] < e->start)
            computes(lane, e->start);
    }
}

/* The message came into our buffer, and no call of ours has fetched it. */
static void came_by_ring(void)
{
    struct run *run = so_far.run;
    add_piece(IN_RING, 0, so_far.submitted, run->came + run->zero, NULL);
    if (run->taken < 0)
        run->taken = run->came;
}

void examine(struct run *run)
{
    memset(&so_far, 0, sizeof so_far);
    so_far.run = run;
    so_far.submitted = -1;
    run->message = -1;
    run->came = run->taken = run->copying = -1;
    find_pairs();
    find_arrivals();
    for (size_t i = 0; i < run->n; i++)
        if (run->events[i].pid == run->pid)
            one_event(&run->events[i]);
    if (so_far.submitted >= 0 && run->message >= 0 && run->copying < 0)
        came_by_ring();
    for (size_t i = 0; i < run->n_pieces; i++) {
        struct piece *p = &run->pieces[i];
        if (p->kind == COMES && p->end > 1e8) /* nobody has read it */
            p->end = p->fd == run->message ? run->taken : run->end;
    }
}

const char *call_name(const struct event *event)
{
    static char name[2 * TEXT];
    const char *digits = event->asked;
    while (isdigit((unsigned char)*digits))
        digits++;
    if (digits > event->asked && *digits == '\0')
        snprintf(name, sizeof name, "%s(%s)", event->name, event->asked);
    else
        snprintf(name, sizeof name, "%s", event->name);
    return name;
}

static bool is_wait(const struct piece *p)
{
    return p->kind == FOR_MESSAGE || p->kind == FOR_OTHERS ||
           p->kind == FOR_TIME;
}

/* How the message came to us, in a line. */
static const char *story(const struct run *run)
{
    static char text[TEXT];
    if (run->message < 0 || run->taken < 0)
        snprintf(text, sizeof text, "%.1f ms", run->end);
    else if (run->copying < 0)
        snprintf(text, sizeof text, "message %.1f ms, completed %.1f ms: %ld "
                 "bytes, no recv()", run->came, run->taken, run->size);
    else
        snprintf(text, sizeof text, "message %.1f ms, copied %.1f ms: %ld "
                 "bytes, %.2f ms", run->came, run->taken, run->size,
                 run->copying);
    return text;
}

/* ----------------------------------------------------------- as text */

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
    int last = column(to);
    for (int c = column(from); c < last || c == column(from); c++)
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
    if (to <= from)
        return;
    fill(row, p->start, p->end, "█", COMPUTING);
    put(row, from, "▐", COMPUTING);
    if (to - from > 2)
        put(row, to - 1, "▌", COMPUTING);
    snprintf(number, sizeof number, "%d", p->number);
    if (p->number > 0)
        put(row, (from + to) / 2, number, COMPUTING);
}

/* A wait in the kernel, with its call's name and how long, if they fit. */
static void put_wait(const struct piece *p)
{
    static const char *const lines[] = {
        [FOR_MESSAGE] = "━", [FOR_OTHERS] = "─", [FOR_TIME] = "┄",
    };
    char text[TEXT + 32];
    const char *name = call_name(p->event);
    int from = column(p->start), room = column(p->end) - from;
    enum colour colour = p->kind == FOR_MESSAGE ? MESSAGE
                       : p->kind == FOR_OTHERS ? OTHERS : DIM;
    fill(kernel_row(p->lane), p->start, p->end, lines[p->kind], colour);
    fill(app_row(p->lane), p->start, p->end, "·", DIM);
    snprintf(text, sizeof text, " %s %.1f ms ", name, p->end - p->start);
    if ((int)strlen(text) + 4 > room)
        snprintf(text, sizeof text, " %s ", name);
    int at = from + (room - (int)strlen(text)) / 2;
    if ((int)strlen(text) + 2 <= room)
        put(kernel_row(p->lane), at, text, PLAIN);
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

/* Where the arrows leave room, what there is to say of them. */
static void put_labels(const struct run *run)
{
    char text[TEXT];
    int lately = -1;
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        int at = column(p->start) + 1;
        text[0] = '\0';
        if (p->kind == SIGNALS)
            snprintf(text, sizeof text, " %s", p->event->name);
        else if (p->kind == REFUSES && run->in_vain > 1 && p->lane == 0)
            snprintf(text, sizeof text, " EAGAIN %d times", run->in_vain);
        else if (is_wait(p) && p->kind != FOR_TIME && p->lane == 0)
            snprintf(text, sizeof text, "%s", call_name(p->event));
        int length = (int)strlen(text);
        if (length > 0 && is_blank(ARROWS, at, length + 1) && at > lately)
            put(ARROWS, at, text, p->kind == SIGNALS ? ASIGNAL : DIM);
        if (p->kind == REFUSES && length > 0 &&
            grid[ARROWS][at + 1].glyph[0] == 'E')
            lately = columns; /* once */
    }
}

/* How many requests lie unread, at each moment; '.' where one came and was
   read in no time. */
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
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (p->kind == COMPUTES)
            put_box(p);
        else if (is_wait(p))
            put_wait(p);
        else if (p->kind == IN_RING)
            fill(RING, p->start, p->end, "━", MESSAGE);
        else if (p->kind == SIGNALS)
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
    int room = width - (int)strlen(right);
    char label[32];
    fprintf(out, "%s%-*s%s%s\n", colours ? "\033[1m" : "", room, run->name,
            colours ? "\033[0m" : "", right);
    if (run->trouble[0] != '\0') {
        fprintf(out, "%*s  %s\n\n", LABELS - 2, "", run->trouble);
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
        print_row(out, "its queue", RING, colours);
    for (int lane = 1; lane < run->lanes; lane++) {
        snprintf(label, sizeof label, "thread %d", lane + 1);
        print_row(out, "kernel", kernel_row(lane), colours);
        print_row(out, label, app_row(lane), colours);
    }
    if (run->more > 0)
        fprintf(out, "%*s  and %d more threads\n", LABELS - 2, "", run->more);
    if (run->left_out > 0)
        fprintf(out, "%*s  and %zu more events\n", LABELS - 2, "",
                run->left_out);
    fprintf(out, "\n");
}

/* The distance of two marks on a scale of so many ms: 1, 2 or 5 times a power
   of ten, and about ten of them. */
static double tick_of(double to)
{
    double tick = pow(10, floor(log10(to / 10)));
    while (to / tick > 10)
        tick *= to / tick > 25 ? 5 : 2;
    return tick;
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

void text_legend(FILE *out, bool has_message, bool colours)
{
    set_scale(400, 80);
    put(0, 0, "▐1▌", COMPUTING);
    put(0, 4, has_message ? "computes (a request)   · asleep in a call"
                          : "computes   · asleep in a call", PLAIN);
    put(1, 0, "━", MESSAGE);
    put(1, 2, has_message ? "sleeps for the message   ─ for requests or both"
                            "   ┄ for time" : "sleeps   ┄ for time", PLAIN);
    put(2, 0, "●", COPY);
    put(2, 2, "data is copied   × refused (EAGAIN)", PLAIN);
    put(3, 0, "1", PLAIN);
    put(3, 2, "so many have come and lie there   ┊ the message comes", PLAIN);
    print_row(out, "application", 0, colours);
    print_row(out, "kernel", 1, colours);
    print_row(out, "", 2, colours);
    if (has_message)
        print_row(out, "unread", 3, colours);
    fprintf(out, "\n");
}

/* ------------------------------------------------------------- as SVG */

enum { /* units of the page: see figure.h */
    LEFT = 108,                 /* for the names of the lanes */
    HEAD = 32, APP = 32, GAP = 34, KERNEL_LANE = 40, INBOX = 24, RING_LANE = 24,
    AXIS = 26,
};

static FILE *page;
static double left, scale;      /* of the figure: x of zero, units per ms */
static double tops[2 * MOST_LANES]; /* y of lanes: application, kernel */
static double inbox, ring, axis;    /* y */

/* What the classes look like: where the page is light, and where dark. Blue
   and orange, and green and red by their light too, are told apart by all. */
static const struct {
    const char *classes, *light, *dark;
} colours[] = {
    { ".page", "fill:#fff", "fill:#14181f" },
    { "text", "fill:#1c2430", "fill:#e8ecf2" },
    { ".dim,.note", "fill:#5a6675", "fill:#a3afbf" },
    { ".user", "fill:#fbf6ea", "fill:#231f17" },
    { ".system", "fill:#eef2f6", "fill:#1d2430" },
    { ".computes", "fill:#e69f00", "fill:#f0b429" },
    { ".number,.on", "fill:#1c1400", "fill:#1c1400" },
    { ".hatch", "stroke:#b9ae95", "stroke:#6b6251" },
    { ".edge", "stroke:#b9ae95", "stroke:#6b6251" },
    { ".message", "fill:#0067a5", "fill:#4aa8e0" },
    { ".over", "fill:#fff", "fill:#06121c" },
    { ".others", "fill:#a9cfe8", "fill:#2c5a7a" },
    { ".upon", "fill:#0b2a40", "fill:#e6f3fc" },
    { ".time", "fill:#c9cfd6", "fill:#4a5361" },
    { ".copy", "fill:#00794f", "fill:#35d09c" },
    { ".refused", "stroke:#c8400a", "stroke:#ff8a57" },
    { ".refusal", "fill:#c8400a", "fill:#ff8a57" },
    { ".signal", "fill:#9b2d7c", "fill:#f08bd0" },
    { ".call", "fill:#5a6675", "fill:#a3afbf" },
    { ".comes", "stroke:#0067a5", "stroke:#4aa8e0" },
    { ".rule", "stroke:#c3cad3", "stroke:#3a4452" },
};

void svg_page(FILE *out, double height, const char *title)
{
    page = out;
    fprintf(page, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d "
            "%.0f\">\n<title>%s</title>\n<style>\n"
            "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,"
            "\"Helvetica Neue\",\"DejaVu Sans\",sans-serif;font-size:15px}\n"
            ".title{font-size:34px;font-weight:700}\n"
            ".name{font-size:21px;font-weight:700}\n"
            ".head{font-weight:700}.cell,.head,.note{font-size:17px}\n"
            ".number,.on{font-weight:700}.small{font-size:14px}\n"
            ".hatch,.refused{fill:none;stroke-width:1.6}"
            ".comes{stroke-width:2;stroke-dasharray:3 4}"
            ".edge{fill:url(#asleep)}\n", PAGE_WIDTH, height, title);
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        fprintf(page, "%s{%s}\n", colours[i].classes, colours[i].light);
    fprintf(page, "@media (prefers-color-scheme:dark){\n");
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        fprintf(page, "%s{%s}\n", colours[i].classes, colours[i].dark);
    fprintf(page, "}\n</style>\n<defs><pattern id=\"asleep\" width=\"8\" "
            "height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform="
            "\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V8\"/></pattern>"
            "</defs>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n");
}

void svg_end(FILE *out)
{
    fprintf(out, "</svg>\n");
}

static void put_text(const char *class, double x, double y, const char *anchor,
                     const char *text)
{
    fprintf(page, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
            class, x, y, anchor);
    for (; *text != '\0'; text++)
        if (strchr("<>&", *text))
            fprintf(page, "&#%d;", *text);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, page);
    fprintf(page, "</text>\n");
}

void svg_text(FILE *out, const char *class, double x, double y,
              const char *text)
{
    page = out;
    put_text(class, x, y, "start", text);
}

static void rectangle(const char *class, double x, double y, double width,
                      double height)
{
    fprintf(page, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
            "height=\"%.1f\"/>\n", class, x, y, width, height);
}

static void __attribute__((format(printf, 2, 3)))
path(const char *class, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(page, "<path class=\"%s\" d=\"", class);
    vfprintf(page, format, list);
    fprintf(page, "\"/>\n");
    va_end(list);
}

void svg_rule(FILE *out, double x, double y, double width)
{
    page = out;
    path("rule", "M%.1f %.1fh%.1f", x, y, width);
}

/* How wide a text of N characters may be, whatever the font. */
static double wide(size_t n, double size)
{
    return 0.6 * size * (double)n;
}

static double x_of(double ms)
{
    return left + ms * scale;
}

/* Where the lanes are, from Y down; the y of what comes below. */
static double lay_out(const struct run *run, double y)
{
    y += HEAD;
    tops[0] = y;
    tops[1] = y + APP + GAP;
    inbox = tops[1] + KERNEL_LANE;
    y = ring = inbox + (run->message >= 0 ? INBOX : 0);
    y += run->message >= 0 && run->copying < 0 ? RING_LANE : 0;
    for (int lane = 1; lane < run->lanes; lane++) {
        tops[2 * lane + 1] = y;
        tops[2 * lane] = y + KERNEL_LANE + GAP * 2.0 / 3;
        y = tops[2 * lane] + APP + (lane + 1 < run->lanes ? GAP / 2.0 : 0);
    }
    axis = y;
    return y + AXIS;
}

double svg_height(const struct run *run)
{
    return lay_out(run, 0);
}

/* What of the gap between application and kernel is free: a byte a unit. */
static bool used[PAGE_WIDTH + 1];

static bool is_free(double from, double to)
{
    for (int x = from < 0 ? 0 : (int)from; x <= to; x++)
        if (x > PAGE_WIDTH || used[x])
            return false;
    return true;
}

static void use(double from, double to)
{
    for (int x = from < 0 ? 0 : (int)from; x <= to && x <= PAGE_WIDTH; x++)
        used[x] = true;
}

/* An arrow over the gap, unless another one is there. */
static bool arrow(const char *class, int lane, double ms, bool up)
{
    double x = x_of(ms), app = tops[2 * lane], kernel = tops[2 * lane + 1];
    double near = lane == 0 ? app + APP : app; /* this side of the gap */
    double from = lane == 0 ? kernel : kernel + KERNEL_LANE, to = near;
    if (!is_free(x - 3, x + 3))
        return false;
    use(x - 4, x + 4);
    if (!up) {
        to = from;
        from = near;
    }
    double back = to > from ? -7 : 7;
    path(class, "M%.1f %.1fh1.6V%.1fh3.2L%.1f %.1fl-4 %.1fh3.2z", x - .8, from,
         to + back, x, to, back);
    return true;
}

/* A wait, its call's name and how long, if they fit into it or behind it. */
static void draw_wait(const struct run *run, const struct piece *p)
{
    static const char *const classes[] = {
        [FOR_MESSAGE] = "message", [FOR_OTHERS] = "others", [FOR_TIME] = "time",
    };
    double x = x_of(p->start), width = x_of(p->end) - x;
    double y = tops[2 * p->lane + 1], next = run->end;
    const char *name = call_name(p->event);
    const char *on = p->kind == FOR_MESSAGE ? "over" : "upon";
    char ms[32], text[TEXT * 2];
    rectangle("edge", x, tops[2 * p->lane] + 1, width, APP - 2);
    rectangle(classes[p->kind], x, y, width, KERNEL_LANE);
    snprintf(ms, sizeof ms, "%.1f ms", p->end - p->start);
    if (wide(strlen(name), 14) < width) {
        snprintf(text, sizeof text, "small %s", on);
        put_text(text, x + width / 2, y + 17, "middle", name);
        if (wide(strlen(ms), 14) < width)
            put_text(text, x + width / 2, y + 33, "middle", ms);
        return;
    }
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *q = &run->pieces[i];
        if (q->lane == p->lane && q->kind <= REFUSES && q->kind != COMPUTES &&
            x_of(q->start) > x + width + 6 && q->start < next)
            next = q->start;
    }
    if (next >= run->end)
        next = 1e6;
    snprintf(text, sizeof text, "%s %s", name, ms);
    double end = x + width + 12 + wide(strlen(name), 14);
    if (width > 20 && end < x_of(next) && end < PAGE_WIDTH - MARGIN) {
        put_text("small dim", x + width + 9, y + 17, "start", name);
        put_text("small dim", x + width + 9, y + 33, "start", ms);
    }
}

static void draw_box(const struct piece *p)
{
    char number[16];
    double x = x_of(p->start), width = x_of(p->end) - x;
    if (width < 1)
        return;
    snprintf(number, sizeof number, "%d", p->number);
    bool gap = width > 8; /* so that neighbours are seen to be two */
    rectangle("computes", x + gap, tops[2 * p->lane], width - 2 * gap, APP);
    if (p->number > 0 && wide(strlen(number), 16) < width)
        put_text("on", x + width / 2, tops[2 * p->lane] + 21, "middle", number);
}

/* What has come, and how long it lies there. */
static void draw_unread(const struct run *run, const struct piece *p)
{
    bool is_message = p->fd == run->message;
    double x = x_of(p->start), y = inbox + 4 + (p->number + 4) % 5 * 4;
    const char *class = is_message ? "message" : "number dim";
    double size = is_message ? 4.5 : 2.5;
    y = is_message ? inbox + INBOX / 2.0 : y;
    rectangle(class, x, y - size / 3, x_of(p->end) - x, 2 * size / 3);
    path(class, "M%.1f %.1fa%.1f %.1f 0 1 0 .1 0z", x, y - size, size, size);
}

/* What takes no time that could be seen: a mark in the kernel's lane. */
static void draw_mark(const struct piece *p)
{
    static double last[2] = { -1, -1 };
    double x = x_of(p->start), y = tops[2 * p->lane + 1];
    if (x - last[p->kind == COPIES] < 1 && x >= last[p->kind == COPIES])
        return; /* nobody could tell the two apart */
    last[p->kind == COPIES] = x;
    if (p->kind == COPIES)
        rectangle("copy", x - 2.5, y, 5, KERNEL_LANE);
    else if (p->lane == 0) /* it bounces */
        path("refused", "M%.1f %.1fl4 11l4 -11M%.1f %.1fv%d", x - 4, y - 12, x,
             y, KERNEL_LANE);
}

static void draw_arrows(const struct run *run, int lane)
{
    bool told = false;
    memset(used, 0, sizeof used);
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (p->kind != SIGNALS || p->lane != lane ||
            !arrow("signal", lane, p->start, true))
            continue;
        double x = x_of(p->start) + 9, w = wide(strlen(p->event->name), 15);
        if (is_free(x, x + w) && lane == 0) {
            put_text("name signal", x, tops[1] - 10, "start", p->event->name);
            use(x, x + w * 1.4);
        }
    }
    for (size_t i = 0; i < run->n_pieces; i++)
        if (run->pieces[i].kind == COPIES && run->pieces[i].lane == lane)
            arrow("copy", lane, run->pieces[i].end, run->pieces[i].takes);
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (p->lane == lane && (p->kind == FOR_MESSAGE ||
                                p->kind == FOR_OTHERS)) {
            arrow("call", lane, p->end, true);
            arrow("call", lane, p->start, false);
        }
    }
    for (size_t i = 0; i < run->n_pieces && !told; i++) {
        const struct piece *p = &run->pieces[i];
        char text[64];
        snprintf(text, sizeof text, "%d × EAGAIN", run->in_vain);
        double x = x_of(p->start), w = wide(strlen(text), 15);
        if (p->kind != REFUSES || lane != 0 || run->in_vain < 2 ||
            !is_free(x, x + w))
            continue;
        put_text("refusal head", x + 2, tops[1] - 15, "start", text);
        told = true;
    }
}

static void draw_axis(double to, double width)
{
    char text[32];
    double tick = tick_of(to);
    path("rule", "M%.1f %.1fh%.1f", left, axis + 3, width - LEFT);
    for (int i = 0; i * tick < to + tick / 2; i++) {
        path("rule", "M%.1f %.1fv%d", x_of(i * tick), axis + 3, i % 2 ? 4 : 6);
        snprintf(text, sizeof text, i == 0 ? "%g ms" : "%g", i * tick);
        if (i % 2 == 0)
            put_text("small dim", x_of(i * tick), axis + 22,
                     (i + 1) * tick > to ? "end" : "middle", text);
    }
}

static void lane_name(double y, double height, const char *name)
{
    put_text("dim", left - 10, y + height / 2 + 5, "end", name);
}

static void draw_lanes(const struct run *run, double width)
{
    char name[32];
    double below = run->lanes > 1 ? tops[3] + KERNEL_LANE : axis;
    rectangle("user", left, tops[0], width - LEFT, APP);
    rectangle("system", left, tops[1], width - LEFT, below - tops[1]);
    lane_name(tops[0], APP, "application");
    lane_name(tops[1], KERNEL_LANE, "kernel");
    if (run->message >= 0)
        lane_name(inbox, INBOX, "unread");
    if (run->message >= 0 && run->copying < 0)
        lane_name(ring, RING_LANE, "its queue");
    for (int lane = 1; lane < run->lanes; lane++) {
        snprintf(name, sizeof name, "thread %d", lane + 1);
        rectangle("system", left, tops[2 * lane + 1], width - LEFT,
                  lane == 1 ? 0 : KERNEL_LANE);
        rectangle("user", left, tops[2 * lane], width - LEFT, APP);
        lane_name(tops[2 * lane + 1], KERNEL_LANE, "kernel");
        lane_name(tops[2 * lane], APP, name);
    }
}

void svg_figure(FILE *out, const struct run *run, double to, double x,
                double y, double width)
{
    page = out;
    left = x + LEFT;
    scale = (width - LEFT) / to;
    put_text("name", x, y + 20, "start", run->name);
    if (run->trouble[0] != '\0') {
        put_text("cell refusal", left, y + HEAD + 30, "start", run->trouble);
        return;
    }
    put_text("dim", x + width, y + 20, "end", story(run));
    lay_out(run, y);
    draw_lanes(run, width);
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (is_wait(p))
            draw_wait(run, p);
        else if (p->kind == COMPUTES)
            draw_box(p);
        else if (p->kind == COMES)
            draw_unread(run, p);
        else if (p->kind == IN_RING)
            rectangle("message", x_of(p->start), ring + 2,
                      (p->end - p->start) * scale, RING_LANE - 6);
    }
    for (size_t i = 0; i < run->n_pieces; i++)
        if (run->pieces[i].kind == COPIES || run->pieces[i].kind == REFUSES)
            draw_mark(&run->pieces[i]);
    for (int lane = 0; lane < run->lanes; lane++)
        draw_arrows(run, lane);
    if (run->message >= 0)
        path("comes", "M%.1f %.1fV%.1f", x_of(run->came), tops[0] - 5, axis + 8);
    draw_axis(to, width);
}

void svg_legend(FILE *out, bool has_message, double x, double y)
{
    static const struct { const char *class, *text; int width; } items[] = {
        { "computes", "computes", 118 }, { "edge", "asleep in a call", 170 },
        { "message", "kernel waits for the message", 272 },
        { "others", "for a request, or for both", 248 },
        { "time", "for time", 116 }, { "copy", "data is copied", 156 },
        { "refusal", "refused: EAGAIN", 172 },
        { "signal", "signal", 100 },
        { "comes", "the message comes", 180 },
    };
    page = out;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        const char *text = items[i].text;
        bool bar = i < 5;
        if (!has_message && (i == 3 || i == 8))
            continue;
        if (!has_message && i == 2)
            text = "kernel waits for data";
        if (i == 8)
            path("comes", "M%.1f %.1fv20", x + 12, y - 15);
        else
            rectangle(items[i].class, x + (bar ? 0 : 10), y - 13,
                      bar ? 22 : 5, 16);
        put_text("", x + (bar ? 30 : 24), y, "start", text);
        x += items[i].width;
    }
}
