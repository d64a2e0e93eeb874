/*
 * page: draw runs as an SVG page, application above and kernel below.
 *
 * Look at colours[] for what is what, and at lay_out() for where.
 */
#include "page.h"
#include <stdarg.h>
#include <string.h>

enum { /* units of the page: see page.h */
    LEFT = 108,                 /* for the names of the lanes */
    HEAD = 32,                  /* its title, above the lanes */
    APP = 32, GAP = 34, KERNEL_LANE = 40, INBOX = 24, RING_LANE = 24,
    AXIS = 26,
    SMALL = 15, TINY = 13,      /* px: letters in a lane */
    WIDE = 200,                 /* a piece has room for more words */
    LEVELS = 5,                 /* what lies unread is told apart */
};

static FILE *page; /* that is being written */
static double left, right;      /* x of zero, and of the figure's edge */
static double scale;            /* units per ms */
static double tops[2 * MOST_LANES]; /* y of lanes: application, kernel */
static double inbox, ring, axis;    /* y */
static double told_to[MOST_LANES];  /* x: texts in the kernel's lanes end */

/* What the classes look like: where the page is light, and where dark. Blue
   and orange, and green and red by their light too, are told apart by all. */
static const struct {
    const char *classes, *light, *dark;
} colours[] = {
    { "svg", "background:#fff", "background:#14181f" },
    { ".page", "fill:#fff", "fill:#14181f" },
    { "text", "fill:#1c2430", "fill:#e8ecf2" },
    { ".dim,.note", "fill:#5a6675", "fill:#a3afbf" },
    { ".user", "fill:#fbf6ea", "fill:#231f17" },
    { ".system", "fill:#eef2f6", "fill:#1d2430" },
    { ".computes", "fill:#e69f00", "fill:#f0b429" },
    { ".on", "fill:#1c1400", "fill:#1c1400" },
    { ".request", "fill:#9a6400", "fill:#f0b429" },
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

static void escape(const char *text)
{
    for (; *text != '\0'; text++)
        if (strchr("<>&", *text))
            fprintf(page, "&#%d;", *text);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, page);
}

void page_begin(FILE *out, double height, const char *title)
{
    page = out;
    fprintf(page, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d "
            "%.0f\">\n<title>", PAGE_WIDTH, height);
    escape(title);
    fprintf(page, "</title>\n<style>\n"
            "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,"
            "\"Helvetica Neue\",\"DejaVu Sans\",sans-serif;font-size:16px}\n"
            ".title{font-size:34px;font-weight:700}\n"
            ".name{font-size:21px;font-weight:700}\n"
            ".head{font-weight:700}.cell,.head,.note{font-size:18px}\n"
            ".on{font-weight:700}.small{font-size:%dpx}.tiny{font-size:%dpx}\n"
            ".hatch,.refused{fill:none;stroke-width:1.6}"
            ".comes{stroke-width:2;stroke-dasharray:3 4}"
            ".edge{fill:url(#asleep)}\n", SMALL, TINY);
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        fprintf(page, "%s{%s}\n", colours[i].classes, colours[i].light);
    fprintf(page, "@media (prefers-color-scheme:dark){\n");
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        fprintf(page, "%s{%s}\n", colours[i].classes, colours[i].dark);
    fprintf(page, "}\n</style>\n<defs><pattern id=\"asleep\" width=\"8\" "
            "height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform="
            "\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V8\"/></pattern>"
            "</defs>\n<rect class=\"page\" width=\"100%%\" "
            "height=\"100%%\"/>\n");
}

void page_end(FILE *out)
{
    fprintf(out, "</svg>\n");
}

static void put_text(const char *class, double x, double y, const char *anchor,
                     const char *text)
{
    fprintf(page, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" "
            "text-anchor=\"%s\">", class, x, y, anchor);
    escape(text);
    fprintf(page, "</text>\n");
}

/* The beginning of a group that tells, under a mouse, all of its call. */
static void hint(const struct piece *p)
{
    char times[64];
    snprintf(times, sizeof times, "): %.3f to %.3f ms ", p->start, p->end);
    fprintf(page, "<g><title>");
    escape(p->event->name);
    fprintf(page, "(");
    escape(p->event->asked);
    escape(times);
    escape(p->event->got);
    fprintf(page, "</title>\n");
}

void page_text(FILE *out, const char *class, double x, double y,
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

void page_rule(FILE *out, double x, double y, double width)
{
    page = out;
    path("rule", "M%.1f %.1fh%.1f", x, y, width);
}

/* How wide a text may be, whatever the font. */
static double wide(const char *text, double size)
{
    return 0.6 * size * (double)strlen(text);
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
        y += lane == 1 ? 4 : 0; /* the kernel's two stand together */
        tops[2 * lane + 1] = y;
        tops[2 * lane] = y + KERNEL_LANE + GAP * 2.0 / 3;
        y = tops[2 * lane] + APP + (lane + 1 < run->lanes ? GAP / 2.0 : 0);
    }
    axis = y;
    return y + AXIS;
}

double page_height(const struct run *run)
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
    double thick = strcmp(class, "signal") == 0 ? 4 : 1.6;
    double head = 2.4 + thick, back = to > from ? -2 * head : 2 * head;
    path(class, "M%.1f %.1fh%.1fV%.1fh%.1fL%.1f %.1fL%.1f %.1fh%.1fz",
         x - thick / 2, from, thick, to + back, head - thick / 2, x, to,
         x - head, to + back, head - thick / 2);
    return true;
}

/* A text in the middle of a box, small or tiny. False: it does not fit. */
static bool fit(double x, double y, double width, const char *class,
                const char *text)
{
    char classes[32];
    bool small = wide(text, SMALL) < width;
    if (!small && wide(text, TINY) > width)
        return false;
    snprintf(classes, sizeof classes, "%s %s", small ? "small" : "tiny",
             class);
    put_text(classes, x + width / 2, y, "middle", text);
    return true;
}

/* Two lines behind X in a kernel's lane, if they do not reach LIMIT, where
   other things are. */
static bool put_behind(double x, int lane, double limit, const char *class,
                       const char *first, const char *second)
{
    double y = tops[2 * lane + 1], w = wide(first, SMALL);
    w = w > wide(second, SMALL) ? w : wide(second, SMALL);
    if (x + 10 + w > limit || x < told_to[lane])
        return false;
    put_text(class, x + 9, y + 17, "start", first);
    put_text(class, x + 9, y + 33, "start", second);
    told_to[lane] = x + 10 + w;
    return true;
}

/* The x of what is next in the kernel's lane, a little after X. */
static double next_after(const struct run *run, int lane, double x)
{
    double next = left + run->end * scale + 1000;
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        bool there = is_wait(p) || p->kind == COPIES || p->kind == REFUSES;
        if (there && p->lane == lane && x_of(p->start) > x + 6 &&
            x_of(p->start) < next)
            next = x_of(p->start);
    }
    return next < right ? next : right;
}

/* A wait: hatched in the application's lane, full in the kernel's. */
static void draw_wait(const struct run *run, const struct piece *p)
{
    static const char *const classes[] = {
        [FOR_MESSAGE] = "message", [FOR_OTHERS] = "others",
        [FOR_TIME] = "time",
    };
    double x = x_of(p->start), width = x_of(p->end) - x;
    double app = tops[2 * p->lane], kernel = tops[2 * p->lane + 1];
    static double lasts[MOST_LANES];
    double last = lasts[p->lane];
    char name[3 * TEXT], ms[32];
    if (width < .7 && x - last >= 0 && x - last < .7)
        return; /* nobody could tell the two apart */
    lasts[p->lane] = x;
    hint(p);
    rectangle("edge", x, app + 1, width, APP - 2);
    rectangle(classes[p->kind], x, kernel, width, KERNEL_LANE);
    fprintf(page, "</g>\n");
    snprintf(ms, sizeof ms, "%.1f ms", p->end - p->start);
    snprintf(name, sizeof name, "%s%s", call_name(p->event),
             p->kind != FOR_MESSAGE || width < WIDE ? ""
             : run->message < 0 ? "" : ": phase 1, waiting for the message");
    if (width > WIDE) {
        rectangle("user", x + width / 2 - 34, app + 3, 68, APP - 6);
        put_text("dim", x + width / 2, app + 21, "middle", "asleep");
    }
    const char *on = p->kind == FOR_MESSAGE ? "over" : "upon";
    double shown = width > 2 * WIDE ? width - WIDE : width; /* for phase 2 */
    if (fit(x, kernel + 17, shown, on, name))
        fit(x, kernel + 33, shown, on, ms);
    else if (width > 20)
        put_behind(x + width, p->lane, next_after(run, p->lane, x + width),
                   "small dim", name, ms);
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
    if (p->number > 0 && wide(number, 16) < width)
        put_text("on", x + width / 2, tops[2 * p->lane] + 21, "middle",
                 number);
}

/* What has come, and how long it lies there; each as low as there is room. */
static void draw_unread(const struct run *run)
{
    double until[LEVELS] = { 0 };
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        bool is_message = p->fd == run->message;
        double x = x_of(p->start), size = is_message ? 4.5 : 2.5;
        const char *class = is_message ? "message" : "request";
        int level = is_message ? LEVELS / 2 : 0;
        if (p->kind != COMES)
            continue;
        while (!is_message && level < LEVELS - 1 && until[level] > p->start)
            level++;
        until[level] = p->end;
        double y = inbox + INBOX - 5 - 4 * level;
        rectangle(class, x, y - size / 3, x_of(p->end) - x, 2 * size / 3);
        path(class, "M%.1f %.1fa%.1f %.1f 0 1 0 .1 0z", x, y - size, size,
             size);
    }
}

/* What takes no time that could be seen: a mark in the kernel's lane. */
static void draw_mark(const struct piece *p)
{
    static double lasts[MOST_LANES][2];
    double *last = &lasts[p->lane][p->kind == COPIES];
    double x = x_of(p->start), y = tops[2 * p->lane + 1];
    if (x - *last < 1 && x >= *last)
        return; /* nobody could tell the two apart */
    *last = x;
    hint(p);
    if (p->kind == COPIES)
        rectangle("copy", x - 2.5, y, 5, KERNEL_LANE);
    else if (p->lane == 0) /* it bounces */
        path("refused", "M%.1f %.1fl4 11l4 -11M%.1f %.1fv%d", x - 4, y - 12, x,
             y, KERNEL_LANE);
    fprintf(page, "</g>\n");
}

/* Phase 2, which is too short to be seen, in words: behind its mark, or at the
   end of the wait before it, or below. */
static void tell_copy(const struct run *run, const struct piece *p)
{
    static const char *const name = "phase 2, copying:";
    char text[64];
    double x = x_of(p->start), y = tops[2 * p->lane + 1];
    snprintf(text, sizeof text, "%ld bytes, %.2f ms", run->size, run->copying);
    if (put_behind(x, p->lane, next_after(run, p->lane, x), "small copy", name,
                   text))
        return;
    if (x - left > 2 * WIDE && told_to[p->lane] < x) {
        put_text("small over", x - 9, y + 17, "end", name);
        put_text("small over", x - 9, y + 33, "end", text);
    }
}

/* What io_uring does for us, while no thread of ours needs to wait. */
static void draw_ring(const struct piece *p)
{
    double x = x_of(p->start), width = x_of(p->end) - x, y = ring;
    rectangle("message", x, y + 1, width, RING_LANE - 4);
    if (width > 2 * WIDE)
        put_text("small over", x + width / 2, y + 16, "middle",
                 "phase 1, waiting for the message: it needs no thread");
    put_text("small copy", x + width + 9, y + 16, "start", "phase 2: by no call");
}

/* How many, where the gap has room: after all, or at one of them. */
static void tell_refusals(const struct run *run)
{
    char text[64];
    snprintf(text, sizeof text, "%d × EAGAIN", run->in_vain);
    double x = x_of(run->taken) + 8, w = wide(text, 18);
    for (size_t i = 0; i <= run->n_pieces; i++) {
        if (is_free(x, x + w) && x + w < right) {
            put_text("head refusal", x + 2, tops[1] - 15, "start", text);
            return;
        }
        if (i < run->n_pieces && run->pieces[i].kind == REFUSES)
            x = x_of(run->pieces[i].start);
    }
}

static void draw_arrows(const struct run *run, int lane)
{
    memset(used, 0, sizeof used);
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (p->kind != SIGNALS || p->lane != lane ||
            !arrow("signal", lane, p->start, true))
            continue;
        double x = x_of(p->start) + 9, w = wide(p->event->name, 21);
        if (is_free(x, x + w) && lane == 0) {
            put_text("name signal", x, tops[1] - 10, "start", p->event->name);
            use(x, x + w);
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
    if (run->message >= 0)
        use(x_of(run->came) - 2, x_of(run->came) + 2);
    if (lane == 0 && run->in_vain > 1)
        tell_refusals(run);
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
        lane_name(ring, RING_LANE, "its ring");
    for (int lane = 1; lane < run->lanes; lane++) {
        snprintf(name, sizeof name, "thread %d", lane + 1);
        rectangle("system", left, tops[2 * lane + 1], width - LEFT,
                  lane == 1 ? 0 : KERNEL_LANE);
        rectangle("user", left, tops[2 * lane], width - LEFT, APP);
        lane_name(tops[2 * lane + 1], KERNEL_LANE, "kernel");
        lane_name(tops[2 * lane], APP, name);
    }
}

static void draw_trouble(const char *text, double y)
{
    char line[TEXT];
    for (; *text != '\0'; y += 24) {
        size_t most = (size_t)((right - left) / wide("x", 18));
        size_t length = line_of(text, most < TEXT ? most : TEXT - 1);
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        put_text("cell refusal", left, y, "start", line);
        text += length + (text[length] == ' ');
    }
}

static void draw_pieces(const struct run *run)
{
    for (size_t i = 0; i < run->n_pieces; i++) {
        const struct piece *p = &run->pieces[i];
        if (is_wait(p))
            draw_wait(run, p);
        else if (p->kind == COMPUTES)
            draw_box(p);
        else if (p->kind == IN_RING)
            draw_ring(p);
    }
    if (run->message >= 0)
        draw_unread(run);
    for (size_t i = 0; i < run->n_pieces; i++)
        if (run->pieces[i].kind == COPIES || run->pieces[i].kind == REFUSES)
            draw_mark(&run->pieces[i]);
    for (size_t i = 0; i < run->n_pieces; i++)
        if (run->message >= 0 && run->pieces[i].kind == COPIES &&
            run->pieces[i].fd == run->message)
            tell_copy(run, &run->pieces[i]);
    if (run->message >= 0)
        path("comes", "M%.1f %.1fV%.1f", x_of(run->came), tops[0] - 5.0,
             axis + 8);
    for (int lane = 0; lane < run->lanes; lane++)
        draw_arrows(run, lane);
}

void page_figure(FILE *out, const struct run *run, double to, double x,
                double y, double width)
{
    page = out;
    left = x + LEFT;
    right = x + width;
    scale = (width - LEFT) / to;
    fprintf(page, "<g class=\"figure\">\n");
    put_text("name", x, y + 20, "start", run->name);
    if (run->trouble[0] != '\0') {
        draw_trouble(run->trouble, y + HEAD + 26);
    } else {
        put_text("dim", x + width, y + 20, "end", story(run));
        lay_out(run, y);
        memset(told_to, 0, sizeof told_to);
        draw_lanes(run, width);
        draw_pieces(run);
        draw_axis(to, width);
    }
    fprintf(page, "</g>\n");
}

void page_legend(FILE *out, bool has_message, double x, double y)
{
    static const struct { const char *class, *text; } items[] = {
        { "computes", "computes" }, { "edge", "asleep in a call" },
        { "message", "kernel waits for the message" },
        { "others", "for a request, or for both" }, { "time", "for time" },
        { "copy", "data is copied" }, { "refusal", "refused: EAGAIN" },
        { "signal", "signal" }, { "request", "lies unread" },
        { "comes", "the message comes" },
    };
    page = out;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        const char *class = items[i].class, *text = items[i].text;
        bool only_then = i == 3 || i >= 8;
        double width = i < 5 ? 22 : 5;
        if (only_then && !has_message)
            continue;
        if (!has_message && i == 0)
            text = "in no I/O call";
        if (!has_message && i == 2)
            text = "kernel waits for data";
        if (i == 9)
            path(class, "M%.1f %.1fv20", x + 3, y - 15);
        else if (i == 8)
            rectangle(class, x, y - 6, width = 22, 2);
        else
            rectangle(class, x, y - 13, width, 16);
        put_text("", x + width + 8, y, "start", text);
        x += width + 26 + wide(text, 15);
    }
}
