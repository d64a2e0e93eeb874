/*
 * figure-svg: draw a timeline on an SVG page, application above and kernel
 * below. See figure-svg.h.
 *
 * Look at lay_out() for where things are, and at draw_spans() for the order in
 * which they are drawn.
 */
#include "figure-svg.h"
#include "figure.h"
#include "svg.h"
#include <string.h>

enum { /* units of the page */
    LEFT = 108,       /* for the names of the lanes */
    HEAD = 32,        /* for the title */
    APP = 32,         /* height of an application's lane ... */
    GAP = 34,         /* ... of the arrows below it ... */
    KERNEL = 40,      /* ... and of the kernel's lane */
    INBOX = 24,       /* height of the lane for unread data */
    RING = 24,        /* height of the lane for a wait of io_uring */
    AXIS = 26,        /* height of the time axis */
    WIDE = 200,       /* a wait this wide has room for more words */
    LEVELS = 5,       /* requests at so many heights in the inbox */
};

/* One figure: its timeline, where things are, and what is drawn already. */
struct figure {
    FILE *out;
    const struct timeline *t;
    double left, right;     /* x of the start, and of the right edge */
    double scale;           /* units per ms */
    double inbox, ring, axis; /* y, as all that follows: upper edges */
    struct {
        double app, kernel;
        double text_end;    /* x: the last text in the kernel's lane ends */
        double last_wait;   /* x */
        double last_mark[2]; /* x: of a refusal, of a copy */
    } lanes[MOST_LANES];
    bool used[PAGE_WIDTH + 1]; /* by arrows and texts, in one lane's gap */
};

static double x_of(const struct figure *f, double ms)
{
    return f->left + ms * f->scale;
}

static bool has_message(const struct timeline *t)
{
    return t->message_fd >= 0;
}

static bool has_ring(const struct timeline *t)
{
    return has_message(t) && t->copy_ms < 0;
}

/* Place the lanes, from Y down. Return the y of what comes below. */
static double lay_out(struct figure *f, double y)
{
    y += HEAD;
    f->lanes[0].app = y;
    f->lanes[0].kernel = y + APP + GAP;
    f->inbox = f->lanes[0].kernel + KERNEL;
    y = f->ring = f->inbox + (has_message(f->t) ? INBOX : 0);
    y += has_ring(f->t) ? RING : 0;
    for (int i = 1; i < f->t->n_lanes; i++) {
        y += i == 1 ? 4 : 0; /* the kernel's lanes of 0 and 1 are neighbours */
        f->lanes[i].kernel = y;
        f->lanes[i].app = y + KERNEL + GAP * 2.0 / 3;
        y = f->lanes[i].app + APP + (i + 1 < f->t->n_lanes ? GAP / 2.0 : 0);
    }
    f->axis = y;
    return y + AXIS;
}

double svg_figure_height(const struct timeline *t)
{
    struct figure f = { .t = t };
    return lay_out(&f, 0);
}

/* Begin a group with all that is to know about a call, which the browser shows
   under the mouse. */
static void begin_hint(struct figure *f, const struct span *s)
{
    fprintf(f->out, "<g><title>");
    svg_escape(f->out, s->event->name);
    fprintf(f->out, "(");
    svg_escape(f->out, s->event->arguments);
    fprintf(f->out, "): %.3f to %.3f ms ", s->start, s->end);
    svg_escape(f->out, s->event->detail);
    fprintf(f->out, "</title>\n");
}

static void end_hint(struct figure *f)
{
    fprintf(f->out, "</g>\n");
}

/* A text in the middle of a box, small or tiny. False: it does not fit. */
static bool put_in_box(struct figure *f, double x, double y, double width,
                       const char *class, const char *text)
{
    char classes[32];
    bool small = svg_text_width(text, SMALL_SIZE) < width;
    if (!small && svg_text_width(text, TINY_SIZE) > width)
        return false;
    snprintf(classes, sizeof classes, "%s %s", small ? "small" : "tiny",
             class);
    svg_text(f->out, classes, x + width / 2, y, "middle", text);
    return true;
}

/* Two lines of text to the right of X in a kernel's lane. False: they would
   reach LIMIT, where the next thing is, or cover the text before them. */
static bool put_behind(struct figure *f, int lane, double x, double limit,
                       const char *class, const char *first,
                       const char *second)
{
    double y = f->lanes[lane].kernel;
    double width = svg_text_width(first, SMALL_SIZE);
    if (svg_text_width(second, SMALL_SIZE) > width)
        width = svg_text_width(second, SMALL_SIZE);
    if (x + 10 + width > limit || x < f->lanes[lane].text_end)
        return false;
    svg_text(f->out, class, x + 9, y + 17, "start", first);
    svg_text(f->out, class, x + 9, y + 33, "start", second);
    f->lanes[lane].text_end = x + 10 + width;
    return true;
}

/* The x of the next thing in the kernel's lane, a little to the right of X. */
static double next_after(const struct figure *f, int lane, double x)
{
    double next = f->right;
    for (size_t i = 0; i < f->t->n_spans; i++) {
        const struct span *s = &f->t->spans[i];
        bool shown = is_wait(s) || s->kind == COPY || s->kind == REFUSAL;
        double at = x_of(f, s->start);
        if (shown && s->lane == lane && at > x + 6 && at < next)
            next = at;
    }
    return next;
}

/* -------------------------------------------------------------- waits */

/* The call and its time: in the kernel's lane, or behind it. */
static void put_wait_label(struct figure *f, const struct span *s, double x,
                           double width)
{
    char label[LABEL], name[LABEL + 64], ms[32];
    double y = f->lanes[s->lane].kernel;
    bool is_phase_1 = s->kind == WAIT_MESSAGE && has_message(f->t);
    const char *class = s->kind == WAIT_MESSAGE ? "over" : "upon";
    double room = width > 2 * WIDE ? width - WIDE : width; /* for phase 2 */
    call_label(s->event, label);
    snprintf(name, sizeof name, "%s%s", label, is_phase_1 && width >= WIDE
             ? ": phase 1, waiting for the message" : "");
    snprintf(ms, sizeof ms, "%.1f ms", s->end - s->start);
    if (put_in_box(f, x, y + 17, room, class, name))
        put_in_box(f, x, y + 33, room, class, ms);
    else if (width > 20)
        put_behind(f, s->lane, x + width, next_after(f, s->lane, x + width),
                   "small dim", name, ms);
}

/* A wait: hatched in the application's lane, full in the kernel's. */
static void draw_wait(struct figure *f, const struct span *s)
{
    static const char *const classes[] = {
        [WAIT_MESSAGE] = "message", [WAIT_OTHER] = "others",
        [WAIT_TIME] = "time",
    };
    double x = x_of(f, s->start), width = x_of(f, s->end) - x;
    double app = f->lanes[s->lane].app, kernel = f->lanes[s->lane].kernel;
    double last = f->lanes[s->lane].last_wait;
    if (width < .7 && x >= last && x - last < .7)
        return; /* no eye could tell the two apart */
    f->lanes[s->lane].last_wait = x;
    begin_hint(f, s);
    svg_rectangle(f->out, "edge", x, app + 1, width, APP - 2);
    svg_rectangle(f->out, classes[s->kind], x, kernel, width, KERNEL);
    end_hint(f);
    if (width > WIDE) {
        svg_rectangle(f->out, "user", x + width / 2 - 34, app + 3, 68,
                      APP - 6);
        svg_text(f->out, "dim", x + width / 2, app + 21, "middle", "asleep");
    }
    put_wait_label(f, s, x, width);
}

/* io_uring waits; no thread does. */
static void draw_ring_wait(struct figure *f, const struct span *s)
{
    double x = x_of(f, s->start), width = x_of(f, s->end) - x, y = f->ring;
    svg_rectangle(f->out, "message", x, y + 1, width, RING - 4);
    if (width > 2 * WIDE)
        svg_text(f->out, "small over", x + width / 2, y + 16, "middle",
                 "phase 1, waiting for the message: it needs no thread");
    svg_text(f->out, "small copy", x + width + 9, y + 16, "start",
             "phase 2: by no call");
}

/* -------------------------------------------------- boxes and marks */

static void draw_compute(struct figure *f, const struct span *s)
{
    char number[16];
    double x = x_of(f, s->start), width = x_of(f, s->end) - x;
    double y = f->lanes[s->lane].app;
    bool gap = width > 8; /* between two neighbours */
    if (width < 1)
        return;
    snprintf(number, sizeof number, "%d", s->number);
    svg_rectangle(f->out, "computes", x + gap, y, width - 2 * gap, APP);
    if (s->number > 0 && svg_text_width(number, BODY_SIZE) < width)
        svg_text(f->out, "on", x + width / 2, y + 21, "middle", number);
}

/* Data arrives: a dot; it stays unread: a line. The message is in the middle
   of the inbox, each request at the lowest level that is free. */
static void draw_inbox(struct figure *f)
{
    double busy_until[LEVELS] = { 0 }; /* ms */
    for (size_t i = 0; i < f->t->n_spans; i++) {
        const struct span *s = &f->t->spans[i];
        bool is_message = s->fd == f->t->message_fd;
        double x = x_of(f, s->start), size = is_message ? 4.5 : 2.5;
        const char *class = is_message ? "message" : "request";
        int level = is_message ? LEVELS / 2 : 0;
        if (s->kind != UNREAD)
            continue;
        while (!is_message && level < LEVELS - 1 &&
               busy_until[level] > s->start)
            level++;
        busy_until[level] = s->end;
        double y = f->inbox + INBOX - 5 - 4 * level;
        svg_rectangle(f->out, class, x, y - size / 3, x_of(f, s->end) - x,
                      2 * size / 3);
        svg_path(f->out, class, "M%.1f %.1fa%.1f %.1f 0 1 0 .1 0z", x,
                 y - size, size, size);
    }
}

/* A copy or a refusal is too short to see: a mark in the kernel's lane. */
static void draw_mark(struct figure *f, const struct span *s)
{
    double *last = &f->lanes[s->lane].last_mark[s->kind == COPY];
    double x = x_of(f, s->start), y = f->lanes[s->lane].kernel;
    if (x - *last < 1 && x >= *last)
        return; /* no eye could tell the two apart */
    *last = x;
    begin_hint(f, s);
    if (s->kind == COPY)
        svg_rectangle(f->out, "copy", x - 2.5, y, 5, KERNEL);
    else if (s->lane == 0) /* the call bounces off */
        svg_path(f->out, "refused", "M%.1f %.1fl4 11l4 -11M%.1f %.1fv%d",
                 x - 4, y - 12, x, y, KERNEL);
    end_hint(f);
}

/* Phase 2, the copy of the message, is too short to see. Describe it behind
   its mark, or at the end of the wait before it. */
static void put_copy_label(struct figure *f, const struct span *s)
{
    static const char *const name = "phase 2, copying:";
    char text[64];
    double x = x_of(f, s->start), y = f->lanes[s->lane].kernel;
    snprintf(text, sizeof text, "%ld bytes, %.2f ms", f->t->message_size,
             f->t->copy_ms);
    if (put_behind(f, s->lane, x, next_after(f, s->lane, x), "small copy",
                   name, text))
        return;
    if (x - f->left > 2 * WIDE && f->lanes[s->lane].text_end < x) {
        svg_text(f->out, "small over", x - 9, y + 17, "end", name);
        svg_text(f->out, "small over", x - 9, y + 33, "end", text);
    }
}

/* ------------------------------------------------------------- arrows */

static bool is_free(const struct figure *f, double from, double to)
{
    for (int x = from < 0 ? 0 : (int)from; x <= to; x++)
        if (x > PAGE_WIDTH || f->used[x])
            return false;
    return true;
}

static void use(struct figure *f, double from, double to)
{
    for (int x = from < 0 ? 0 : (int)from; x <= to && x <= PAGE_WIDTH; x++)
        f->used[x] = true;
}

/* An arrow over the gap between application and kernel. False: there is no
   room beside the other arrows. */
static bool draw_arrow(struct figure *f, const char *class, int lane,
                       double ms, bool to_app)
{
    double x = x_of(f, ms), app = f->lanes[lane].app;
    double kernel = f->lanes[lane].kernel;
    double from = lane == 0 ? kernel : kernel + KERNEL; /* in other lanes, */
    double to = lane == 0 ? app + APP : app; /* the kernel is above the app */
    if (!is_free(f, x - 3, x + 3))
        return false;
    use(f, x - 4, x + 4);
    if (!to_app) {
        double swap = from;
        from = to;
        to = swap;
    }
    double thick = strcmp(class, "signal") == 0 ? 4 : 1.6;
    double head = 2.4 + thick, back = to > from ? -2 * head : 2 * head;
    svg_path(f->out, class,
             "M%.1f %.1fh%.1fV%.1fh%.1fL%.1f %.1fL%.1f %.1fh%.1fz",
             x - thick / 2, from, thick, to + back, head - thick / 2, x, to,
             x - head, to + back, head - thick / 2);
    return true;
}

/* How many refusals: where the gap has room for it, best after the last. */
static void put_refusal_count(struct figure *f)
{
    char text[64];
    snprintf(text, sizeof text, "%d × EAGAIN", f->t->eagain_count);
    double x = x_of(f, f->t->received) + 8;
    double width = svg_text_width(text, CELL_SIZE);
    for (size_t i = 0; i <= f->t->n_spans; i++) {
        if (is_free(f, x, x + width) && x + width < f->right) {
            svg_text(f->out, "head refusal", x + 2, f->lanes[0].kernel - 15,
                     "start", text);
            return;
        }
        if (i < f->t->n_spans && f->t->spans[i].kind == REFUSAL)
            x = x_of(f, f->t->spans[i].start);
    }
}

static void draw_signal(struct figure *f, const struct span *s)
{
    const char *name = s->event->name;
    double x = x_of(f, s->start) + 9;
    double width = svg_text_width(name, NAME_SIZE);
    if (draw_arrow(f, "signal", s->lane, s->start, true) && s->lane == 0 &&
        is_free(f, x, x + width)) {
        svg_text(f->out, "name signal", x, f->lanes[0].kernel - 10, "start",
                 name);
        use(f, x, x + width);
    }
}

/* The most important arrows come first: they take the room. */
static void draw_arrows(struct figure *f, int lane)
{
    const struct span *spans = f->t->spans;
    size_t n = f->t->n_spans;
    memset(f->used, 0, sizeof f->used);
    for (size_t i = 0; i < n; i++)
        if (spans[i].lane == lane && spans[i].kind == SIGNAL)
            draw_signal(f, &spans[i]);
    for (size_t i = 0; i < n; i++)
        if (spans[i].lane == lane && spans[i].kind == COPY)
            draw_arrow(f, "copy", lane, spans[i].end, spans[i].received);
    for (size_t i = 0; i < n; i++)
        if (spans[i].lane == lane && is_wait(&spans[i]) &&
            spans[i].kind != WAIT_TIME) {
            draw_arrow(f, "call", lane, spans[i].end, true);
            draw_arrow(f, "call", lane, spans[i].start, false);
        }
    if (has_message(f->t))
        use(f, x_of(f, f->t->arrived) - 2, x_of(f, f->t->arrived) + 2);
    if (lane == 0 && f->t->eagain_count > 1)
        put_refusal_count(f);
}

/* --------------------------------------------------------- the figure */

static void put_lane_name(struct figure *f, double y, double height,
                          const char *name)
{
    svg_text(f->out, "dim", f->left - 10, y + height / 2 + 5, "end", name);
}

/* A lane of the first thread's application, and all of the kernel's. */
static void draw_first_lanes(struct figure *f, double width)
{
    double kernel = f->lanes[0].kernel;
    double end = f->t->n_lanes > 1 ? f->lanes[1].kernel + KERNEL : f->axis;
    svg_rectangle(f->out, "user", f->left, f->lanes[0].app, width, APP);
    svg_rectangle(f->out, "system", f->left, kernel, width, end - kernel);
    put_lane_name(f, f->lanes[0].app, APP, "application");
    put_lane_name(f, kernel, KERNEL, "kernel");
    if (has_message(f->t))
        put_lane_name(f, f->inbox, INBOX, "unread");
    if (has_ring(f->t))
        put_lane_name(f, f->ring, RING, "its ring");
}

static void draw_further_lanes(struct figure *f, double width)
{
    char name[32];
    for (int i = 1; i < f->t->n_lanes; i++) {
        double app = f->lanes[i].app, kernel = f->lanes[i].kernel;
        snprintf(name, sizeof name, "thread %d", i + 1);
        svg_rectangle(f->out, "system", f->left, kernel, width,
                      i == 1 ? 0 : KERNEL);
        svg_rectangle(f->out, "user", f->left, app, width, APP);
        put_lane_name(f, kernel, KERNEL, "kernel");
        put_lane_name(f, app, APP, name);
    }
}

static void draw_spans(struct figure *f)
{
    const struct span *end = f->t->spans + f->t->n_spans;
    for (const struct span *s = f->t->spans; s < end; s++)
        if (is_wait(s))
            draw_wait(f, s);
        else if (s->kind == COMPUTE)
            draw_compute(f, s);
        else if (s->kind == RING_WAIT)
            draw_ring_wait(f, s);
    if (has_message(f->t))
        draw_inbox(f);
    for (const struct span *s = f->t->spans; s < end; s++)
        if (s->kind == COPY || s->kind == REFUSAL)
            draw_mark(f, s);
    for (const struct span *s = f->t->spans; s < end; s++)
        if (has_message(f->t) && s->kind == COPY && s->fd == f->t->message_fd)
            put_copy_label(f, s);
    if (has_message(f->t))
        svg_path(f->out, "comes", "M%.1f %.1fV%.1f", x_of(f, f->t->arrived),
                 f->lanes[0].app - 5.0, f->axis + 8);
    for (int lane = 0; lane < f->t->n_lanes; lane++)
        draw_arrows(f, lane);
}

static void draw_axis(struct figure *f, double to)
{
    char text[32];
    double step = axis_step(to), y = f->axis + 3;
    svg_path(f->out, "rule", "M%.1f %.1fh%.1f", f->left, y,
             f->right - f->left);
    for (int i = 0; i * step < to + step / 2; i++) {
        double x = x_of(f, i * step);
        svg_path(f->out, "rule", "M%.1f %.1fv%d", x, y, i % 2 ? 4 : 6);
        snprintf(text, sizeof text, i == 0 ? "%g ms" : "%g", i * step);
        if (i % 2 == 0)
            svg_text(f->out, "small dim", x, f->axis + 22,
                     (i + 1) * step > to ? "end" : "middle", text);
    }
}

/* Why there is nothing to draw, in lines. */
static void put_error(struct figure *f, const char *text, double y)
{
    char line[TEXT];
    double room = (f->right - f->left) / svg_text_width("x", CELL_SIZE);
    size_t most = room < TEXT ? (size_t)room : TEXT - 1;
    for (; *text != '\0'; y += 24) {
        size_t length = line_length(text, most);
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        svg_text(f->out, "cell refusal", f->left, y, "start", line);
        text += length + (text[length] == ' ');
    }
}

void svg_figure(FILE *out, const struct timeline *t, double to, double x,
                double y, double width)
{
    char summary[TEXT];
    struct figure f = {
        .out = out, .t = t, .left = x + LEFT, .right = x + width,
        .scale = (width - LEFT) / to,
    };
    fprintf(out, "<g class=\"figure\">\n");
    svg_text(out, "name", x, y + 20, "start", t->name);
    if (t->error[0] != '\0') {
        put_error(&f, t->error, y + HEAD + 26);
    } else {
        timeline_summary(t, summary, sizeof summary);
        svg_text(out, "dim", x + width, y + 20, "end", summary);
        lay_out(&f, y);
        draw_first_lanes(&f, width - LEFT);
        draw_further_lanes(&f, width - LEFT);
        draw_spans(&f);
        draw_axis(&f, to);
    }
    fprintf(out, "</g>\n");
}
