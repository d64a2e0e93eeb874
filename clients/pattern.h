/*
 * pattern: a regular expression of a scene: extended, as in regex(7), but for
 * bytes. It includes no other module.
 *
 * Why not regcomp(3)? A scene and a server must not cost the one that watches
 * more than a little memory and time. "x+++++++++++++++++++++" makes regcomp()
 * take gigabytes, and "(a|b)*a(a|b){20}x" makes regexec() take half a second
 * for one line. Here a pattern has at most MOST_STEPS steps, and a line costs
 * at most as many operations as it has bytes, times MOST_STEPS.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_STEPS = 600 }; /* "ab+" has four: a, b, again or on, the end */

struct step; /* see pattern.c */

struct pattern {
    struct step *steps;
    int n;
};

/* Make a pattern of TEXT. False: it is none; WHY (of SIZE bytes) says so. */
bool pattern_begin(struct pattern *p, const char *text, char *why,
                   size_t size);

/* Does it match, anywhere in the line? */
bool pattern_matches(const struct pattern *p, const char *line);

/* Free its memory. */
void pattern_end(struct pattern *p);

#endif
