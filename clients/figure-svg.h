/*
 * figure-svg: draw a timeline on an SVG page (svg.h), as textbooks do: the
 * application above, the kernel below, time to the right. figure-text.h draws
 * the same. Compare Stevens, UNP section 6.2, figures 6.1 to 6.5: his phase 1
 * is where a call sleeps, his phase 2 where the kernel copies data.
 */
#ifndef FIGURE_SVG_H
#define FIGURE_SVG_H

#include "timeline.h"
#include <stdio.h>

/* The timeline, after timeline_build(), or its error, if it has one. X, Y:
   the upper left corner, and WIDTH, in units of the page; TO: the time at the
   right edge, in ms. */
void svg_figure(FILE *out, const struct timeline *t, double to, double x,
                double y, double width);

/* How high that figure is, in units of the page. */
double svg_figure_height(const struct timeline *t);

#endif
