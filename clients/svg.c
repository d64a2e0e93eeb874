/*
 * svg: write an SVG page: its colours, its legend, text and shapes.
 *
 * See svg.h. Look at colours[] for what the classes look like.
 */
#include "svg.h"
#include <stdarg.h>
#include <string.h>

/* On a light page, and on a dark one. Colour-blind readers can tell blue from
   orange by the colour, green from red by the brightness. */
static const struct {
    const char *classes, *light, *dark;
} colours[] = {
    { "svg", "background:#fff", "background:#14181f" },
    { ".page", "fill:#fff", "fill:#14181f" },
    { "text", "fill:#1c2430", "fill:#e8ecf2" },
    { ".dim,.note", "fill:#5a6675", "fill:#a3afbf" },
    { ".user", "fill:#fbf6ea", "fill:#231f17" },     /* application's lane */
    { ".system", "fill:#eef2f6", "fill:#1d2430" },   /* kernel's lane */
    { ".computes", "fill:#e69f00", "fill:#f0b429" },
    { ".on", "fill:#1c1400", "fill:#1c1400" },       /* text on "computes" */
    { ".request", "fill:#9a6400", "fill:#f0b429" },  /* unread */
    { ".hatch", "stroke:#b9ae95", "stroke:#6b6251" },
    { ".edge", "stroke:#b9ae95", "stroke:#6b6251" }, /* asleep */
    { ".message", "fill:#0067a5", "fill:#4aa8e0" },  /* unread; wait for it */
    { ".over", "fill:#fff", "fill:#06121c" },        /* text on "message" */
    { ".others", "fill:#a9cfe8", "fill:#2c5a7a" },   /* wait for others */
    { ".upon", "fill:#0b2a40", "fill:#e6f3fc" },     /* text on "others" */
    { ".time", "fill:#c9cfd6", "fill:#4a5361" },     /* wait for time */
    { ".copy", "fill:#00794f", "fill:#35d09c" },
    { ".refused", "stroke:#c8400a", "stroke:#ff8a57" }, /* a mark for it */
    { ".refusal", "fill:#c8400a", "fill:#ff8a57" },     /* a text about it */
    { ".signal", "fill:#9b2d7c", "fill:#f08bd0" },
    { ".call", "fill:#5a6675", "fill:#a3afbf" },     /* a call's arrows */
    { ".comes", "stroke:#0067a5", "stroke:#4aa8e0" }, /* message */
    { ".rule", "stroke:#c3cad3", "stroke:#3a4452" },
};

void svg_escape(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        if (strchr("<>&", *text))
            fprintf(out, "&#%d;", *text);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, out);
}

static void put_style(FILE *out)
{
    fprintf(out, "<style>\n"
            "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,"
            "\"Helvetica Neue\",\"DejaVu Sans\",sans-serif;font-size:%dpx}\n"
            ".title{font-size:%dpx;font-weight:700}\n"
            ".name{font-size:%dpx;font-weight:700}\n"
            ".head{font-weight:700}.cell,.head,.note{font-size:%dpx}\n"
            ".on{font-weight:700}.small{font-size:%dpx}.tiny{font-size:%dpx}\n"
            ".hatch,.refused{fill:none;stroke-width:1.6}"
            ".comes{stroke-width:2;stroke-dasharray:3 4}"
            ".edge{fill:url(#asleep)}\n", BODY_SIZE, TITLE_SIZE, NAME_SIZE,
            CELL_SIZE, SMALL_SIZE, TINY_SIZE);
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        fprintf(out, "%s{%s}\n", colours[i].classes, colours[i].light);
    fprintf(out, "@media (prefers-color-scheme:dark){\n");
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        fprintf(out, "%s{%s}\n", colours[i].classes, colours[i].dark);
    fprintf(out, "}\n</style>\n");
}

void svg_begin(FILE *out, double height, const char *title)
{
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d "
            "%.0f\">\n<title>", PAGE_WIDTH, height);
    svg_escape(out, title);
    fprintf(out, "</title>\n");
    put_style(out);
    fprintf(out, "<defs><pattern id=\"asleep\" width=\"8\" "
            "height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform="
            "\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V8\"/></pattern>"
            "</defs>\n<rect class=\"page\" width=\"100%%\" "
            "height=\"100%%\"/>\n");
}

void svg_end(FILE *out)
{
    fprintf(out, "</svg>\n");
}

void svg_text(FILE *out, const char *class, double x, double y,
              const char *anchor, const char *text)
{
    fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" "
            "text-anchor=\"%s\">", class, x, y, anchor);
    svg_escape(out, text);
    fprintf(out, "</text>\n");
}

double svg_text_width(const char *text, double size)
{
    return 0.6 * size * (double)strlen(text);
}

void svg_rectangle(FILE *out, const char *class, double x, double y,
                   double width, double height)
{
    fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
            "height=\"%.1f\"/>\n", class, x, y, width, height);
}

void svg_path(FILE *out, const char *class, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(out, "<path class=\"%s\" d=\"", class);
    vfprintf(out, format, list);
    fprintf(out, "\"/>\n");
    va_end(list);
}

void svg_rule(FILE *out, double x, double y, double width)
{
    svg_path(out, "rule", "M%.1f %.1fh%.1f", x, y, width);
}

void svg_legend(FILE *out, bool has_message, double x, double y)
{
    enum sign { BOX, BAR, LINE, DASHES };
    static const struct {
        const char *class, *text; /* with a message; */
        const char *without;      /* else, or NULL: no such sign */
        enum sign sign;
    } items[] = {
        { "computes", "computes", "in no I/O call", BOX },
        { "edge", "asleep in a call", "asleep in a call", BOX },
        { "message", "kernel waits for the message", "kernel waits for data",
          BOX },
        { "others", "for a request, or for both", NULL, BOX },
        { "time", "for time", "for time", BOX },
        { "copy", "data is copied", "data is copied", BAR },
        { "refusal", "refused: EAGAIN", "refused: EAGAIN", BAR },
        { "signal", "signal", "signal", BAR },
        { "request", "unread", NULL, LINE },
        { "comes", "the message arrives", NULL, DASHES },
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        const char *text = has_message ? items[i].text : items[i].without;
        enum sign sign = items[i].sign;
        double width = sign == BOX || sign == LINE ? 22 : 5;
        if (!text)
            continue;
        if (sign == DASHES)
            svg_path(out, items[i].class, "M%.1f %.1fv20", x + 3, y - 15);
        else if (sign == LINE)
            svg_rectangle(out, items[i].class, x, y - 6, width, 2);
        else
            svg_rectangle(out, items[i].class, x, y - 13, width, 16);
        svg_text(out, "", x + width + 8, y, "start", text);
        x += width + 26 + svg_text_width(text, SMALL_SIZE);
    }
}
