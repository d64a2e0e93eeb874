/*
 * pattern: a regular expression of a scene, with a limit. See pattern.h.
 *
 * Look at copies(): it is not exact, but never too low.
 */
#include "pattern.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often a part of TEXT is copied at most, up to MOST_COPIES + 1. */
static long copies(const char *text)
{
    long n = 1;
    for (const char *s = text; *s != '\0' && n <= MOST_COPIES; s++) {
        if (*s == '\\' && s[1] != '\0') {
            s++;
        } else if (*s == '+') {
            n *= 2;
        } else if (*s == '{') { /* the larger one of its two numbers */
            char *end;
            long least = strtol(s + 1, &end, 10);
            long most = *end == ',' ? strtol(end + 1, NULL, 10) : 0;
            if (least > MOST_COPIES || most > MOST_COPIES)
                return MOST_COPIES + 1;
            n *= most > least ? most : least > 2 ? least : 2;
        }
    }
    return n;
}

bool pattern_begin(regex_t *p, const char *text, char *why, size_t size)
{
    if (copies(text) > MOST_COPIES) {
        snprintf(why, size, "it repeats too much: + counts as 2, {N} as N, "
                 "and their product may be %d at most", MOST_COPIES);
        return false;
    }
    int error = regcomp(p, text, REG_EXTENDED | REG_NOSUB);
    if (error != 0)
        regerror(error, p, why, size);
    return error == 0;
}

bool pattern_matches(const regex_t *p, const char *line)
{
    return regexec(p, line, 0, NULL, 0) == 0;
}

void pattern_end(regex_t *p)
{
    regfree(p);
}
