/*
 * figure-text: draw a timeline as text, as textbooks do: the application
 * above, the kernel below, time to the right. figure-svg.h draws the same.
 *
 * All functions write UTF-8 to OUT, with colours if COLOURS is true. WIDTH is
 * in columns, at least 60; TO is the time at the right edge, in ms. One figure
 * after another, and an axis above and below, fit if WIDTH and TO are equal.
 */
#ifndef FIGURE_TEXT_H
#define FIGURE_TEXT_H

#include "timeline.h"
#include <stdbool.h>
#include <stdio.h>

/* The timeline, after timeline_build(); or its error, if it has one. */
void text_figure(FILE *out, const struct timeline *t, double to, int width,
                 bool colours);

/* The time axis. */
void text_axis(FILE *out, double to, int width, bool colours);

/* What the signs mean, for timelines with a message. */
void text_legend(FILE *out, bool colours);

#endif
