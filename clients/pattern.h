/*
 * pattern: a regular expression of a scene, as regcomp(3) takes it
 * (REG_EXTENDED), with a limit. It includes no other module.
 *
 * regcomp() writes repetitions out: in "x+++++++++++++++++++++" each "+"
 * doubles what stands before it, and these 21 cost gigabytes. So
 * pattern_begin() counts how often all repetitions together could copy a part,
 * and refuses a pattern that copies it more than MOST_COPIES times.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

enum { MOST_COPIES = 1024 }; /* "+" counts as 2, "{N}" as N, "{N,M}" as M;
                                all are multiplied */

/* Make a pattern of TEXT. False: it is none; WHY (of SIZE bytes) says so. */
bool pattern_begin(regex_t *p, const char *text, char *why, size_t size);

/* Does it match, anywhere in the line? */
bool pattern_matches(const regex_t *p, const char *line);

/* Free its memory. */
void pattern_end(regex_t *p);

#endif
