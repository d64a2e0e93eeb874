/*
 * figure: draw a run (run.h) as text, in the way of the textbooks: the
 * application above, the kernel below, time to the right. page.h draws the
 * same as SVG.
 */
#ifndef FIGURE_H
#define FIGURE_H

#include <stdio.h>
#include "run.h"

/* A figure in UTF-8, WIDTH columns wide (at least 60); its right edge is TO ms
   after the beginning. */
void text_figure(FILE *out, const struct run *run, double to, int width,
                 bool colours);

/* The scale, to go above and below figures of that width. */
void text_axis(FILE *out, double to, int width, bool colours);

/* What the signs mean, for runs that have a message. */
void text_legend(FILE *out, bool colours);

#endif
