/*
 * svg: write an SVG page: its colours, its legend, text and shapes.
 *
 * A page needs nothing else: no script, no font, no other file. It is light
 * or dark as the reader's system is (prefers-color-scheme). The units of all
 * coordinates are those of a slide, 1920 wide; y grows downwards.
 *
 * CLASS is one or more of the page's CSS classes, which say what a thing looks
 * like; colours[] in svg.c has a line for each, with its meaning.
 */
#ifndef SVG_H
#define SVG_H

#include <stdbool.h>
#include <stdio.h>

enum { PAGE_WIDTH = 1920, MARGIN = 44 };

enum { /* px: the height of letters in these classes */
    BODY_SIZE = 16, SMALL_SIZE = 15, TINY_SIZE = 13, CELL_SIZE = 18,
    NAME_SIZE = 21, TITLE_SIZE = 34,
};

/* All that comes before the first figure, and all after the last. */
void svg_begin(FILE *out, double height, const char *title);
void svg_end(FILE *out);

/* Write TEXT as it is to read; the characters <, > and & are escaped. */
void svg_escape(FILE *out, const char *text);

/* A text on the base line Y. ANCHOR: what is at X, "start", "middle" or "end"
   of the text. */
void svg_text(FILE *out, const char *class, double x, double y,
              const char *anchor, const char *text);

/* How wide a text of this size is at most, in any usual font. */
double svg_text_width(const char *text, double size);

void svg_rectangle(FILE *out, const char *class, double x, double y,
                   double width, double height);

/* A path; FORMAT gives its data, the attribute d. */
void __attribute__((format(printf, 3, 4)))
svg_path(FILE *out, const char *class, const char *format, ...);

/* A horizontal line, as between the rows of a table. */
void svg_rule(FILE *out, double x, double y, double width);

/* What the colours mean in figures of timelines with a message or without, on
   one line from X on; Y is its base line. */
void svg_legend(FILE *out, bool has_message, double x, double y);

#endif
