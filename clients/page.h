/*
 * page: draw runs (run.h) as an SVG page, in the way of the textbooks: the
 * application above, the kernel below, time to the right.
 *
 * A page needs nothing else: no script, no font, no other file. It is light
 * or dark as its reader has it (prefers-color-scheme). Its units are those of
 * a slide of 1920 by 1080. See Stevens, UNP section 6.2, whose figures 6.1 to
 * 6.5 these are; what is asleep and what is copied stands for his phases.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stdio.h>
#include "run.h"

enum { PAGE_WIDTH = 1920, MARGIN = 44 };

void page_begin(FILE *out, double height, const char *title);
void page_end(FILE *out);

/* A figure of this width, whose upper left corner is at X, Y, and whose right
   edge is TO ms after the beginning; and how high it will be. */
void page_figure(FILE *out, const struct run *run, double to, double x,
                 double y, double width);
double page_height(const struct run *run);

/* What the signs mean; in a line, from X on. */
void page_legend(FILE *out, bool has_message, double x, double y);

/* A text in a class of the page: "title", "head", "cell", "note", "dim". */
void page_text(FILE *out, const char *class, double x, double y,
               const char *text);
void page_rule(FILE *out, double x, double y, double width);

#endif
