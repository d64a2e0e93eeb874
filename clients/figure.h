/*
 * figure: what the two drawings of a timeline share: figure-text.h, for a
 * terminal, and figure-svg.h, for a browser.
 */
#ifndef FIGURE_H
#define FIGURE_H

#include "timeline.h"
#include <stddef.h>

enum { LABEL = 64 }; /* bytes of a label */

/* Write the call as it stands in a figure to LABEL bytes: "recv(3)", or only
   "select" where there is more than one fd to name. */
void call_label(const struct event *event, char *label);

/* How many bytes of TEXT go on a line of MOST bytes; lines break at spaces. */
size_t line_length(const char *text, size_t most);

/* The distance between two marks on a time axis of TO ms: 1, 2, 5, 10, 20 ...
   or a part of it, so that there are at most ten marks. */
double axis_step(double to);

#endif
