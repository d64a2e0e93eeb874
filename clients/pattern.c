/*
 * pattern: a regular expression with limits. See pattern.h.
 *
 * A pattern is a list of steps. While a line is read byte by byte, a set of
 * steps is active: all those that the bytes so far can lead to. So no byte is
 * read twice (Thompson 1968; https://swtch.com/~rsc/regexp/regexp1.html).
 * Look at matches_from(), and at repeat(), which makes the steps of "+".
 */
#include "pattern.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_TIMES = 255, /* in {N}, as RE_DUP_MAX of POSIX */
    BYTES = 256,
};

enum kind {
    ONE_OF,        /* one of the bytes in SET; then the next step */
    FORK,          /* go on at both: this step + TO, this step + OR */
    LINE_BEGINS, LINE_ENDS,
    FOUND,
};

struct step {
    enum kind kind;
    int to, or;
    unsigned char set[BYTES / 8];
};

/* The text is read from left to right, and becomes steps. */
struct reader {
    struct pattern *pattern;
    const char *s; /* what is still to be read */
    int depth;     /* of "(" */
    char *why;     /* the mistake */
    size_t why_size;
};

static bool mistake(struct reader *r, const char *why)
{
    snprintf(r->why, r->why_size, "%s", why);
    return false;
}

/* ------------------------------------------------------------- the steps */

/* Add N empty steps at AT, before the steps that are there. */
static bool insert(struct reader *r, int at, int n)
{
    struct pattern *p = r->pattern;
    if (p->n + n > MOST_STEPS)
        return mistake(r, "it is too large, or it repeats too much");
    memmove(p->steps + at + n, p->steps + at,
            (size_t)(p->n - at) * sizeof *p->steps);
    memset(p->steps + at, 0, (size_t)n * sizeof *p->steps);
    p->n += n;
    return true;
}

/* A fork at AT, which may be the end. */
static bool add_fork(struct reader *r, int at, int to, int or)
{
    if (!insert(r, at, 1))
        return false;
    r->pattern->steps[at].kind = FORK;
    r->pattern->steps[at].to = to;
    r->pattern->steps[at].or = or;
    return true;
}

/* A step at the end. */
static struct step *add_step(struct reader *r, enum kind kind)
{
    int at = r->pattern->n;
    if (!insert(r, at, 1))
        return NULL;
    r->pattern->steps[at].kind = kind;
    return &r->pattern->steps[at];
}

static void set_add(struct step *step, unsigned char byte)
{
    step->set[byte / 8] |= (unsigned char)(1 << byte % 8);
}

static bool set_has(const struct step *step, unsigned char byte)
{
    return step->set[byte / 8] >> byte % 8 & 1;
}

/* -------------------------------------------------------- [a-z[:digit:]] */

/* Read "[:alpha:]" at r->s. */
static bool read_class(struct reader *r, struct step *step)
{
    static const struct { const char *name; int (*has)(int); } classes[] = {
        { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
        { "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
        { "lower", islower }, { "print", isprint }, { "punct", ispunct },
        { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
    };
    const char *name = r->s + 2;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        size_t length = strlen(classes[i].name);
        if (strncmp(name, classes[i].name, length) != 0 ||
            strncmp(name + length, ":]", 2) != 0)
            continue;
        for (int byte = 0; byte < 128; byte++)
            if (classes[i].has(byte))
                set_add(step, (unsigned char)byte);
        r->s = name + length + 2;
        return true;
    }
    return mistake(r, "there is no such class as that in [: :]");
}

/* Read a byte, or a range of bytes as "a-z". */
static bool read_range(struct reader *r, struct step *step)
{
    unsigned char from = (unsigned char)*r->s++, to = from;
    if (r->s[0] == '-' && r->s[1] != ']' && r->s[1] != '\0') {
        to = (unsigned char)r->s[1];
        r->s += 2;
    }
    if (from > to)
        return mistake(r, "a range in [ ] runs backwards");
    for (int byte = from; byte <= to; byte++)
        set_add(step, (unsigned char)byte);
    return true;
}

static bool read_bracket(struct reader *r)
{
    struct step *step = add_step(r, ONE_OF);
    if (step == NULL)
        return false;
    bool others = *++r->s == '^';
    r->s += others;
    for (bool first = true; first || *r->s != ']'; first = false) {
        if (*r->s == '\0')
            return mistake(r, "'[' has no ']'");
        if (!(strncmp(r->s, "[:", 2) == 0 ? read_class(r, step)
                                          : read_range(r, step)))
            return false;
    }
    r->s++;
    for (size_t i = 0; others && i < sizeof step->set; i++)
        step->set[i] = (unsigned char)~step->set[i];
    return true;
}

/* ------------------------------------------------------- the whole text */

static bool read_branches(struct reader *r);

static bool read_group(struct reader *r)
{
    r->s++;
    r->depth++;
    if (!add_fork(r, r->pattern->n, 1, 1) || !read_branches(r))
        return false;
    r->depth--;
    return *r->s++ == ')' || mistake(r, "'(' has no ')'");
}

/* Read what one "*" would repeat. */
static bool read_atom(struct reader *r)
{
    bool escaped = *r->s == '\\';
    switch (*r->s) {
    case '(': return read_group(r);
    case '[': return read_bracket(r);
    case '^': r->s++; return add_step(r, LINE_BEGINS) != NULL;
    case '$': r->s++; return add_step(r, LINE_ENDS) != NULL;
    case ')': return mistake(r, "')' has no '('");
    case '*': case '+': case '?': case '{':
        return mistake(r, "there is nothing before '*', '+', '?' or '{' that "
                       "it could repeat");
    case '\\':
        if (isalnum((unsigned char)*++r->s) || *r->s == '\0')
            return mistake(r, "after '\\' stands a letter, a digit, or "
                           "nothing");
    }
    struct step *step = add_step(r, ONE_OF);
    if (step == NULL)
        return false;
    if (*r->s == '.' && !escaped)
        memset(step->set, 0xff, sizeof step->set);
    else
        set_add(step, (unsigned char)*r->s);
    r->s++;
    return true;
}

/* The steps from AT on must be passed LEAST times at least and MOST times at
   most; MOST is -1: any number of times. */
static bool repeat(struct reader *r, int at, int least, int most)
{
    struct pattern *p = r->pattern;
    int n = p->n - at, copies = most > least ? most : least > 0 ? least : 1;
    for (int i = 1; i < copies; i++) {
        if (!insert(r, p->n, n))
            return false;
        memcpy(p->steps + p->n - n, p->steps + at,
               (size_t)n * sizeof *p->steps);
    }
    if (most < 0 && !add_fork(r, p->n, -n, 1)) /* the last one once more */
        return false;
    int end = p->n, optional = most < 0 ? least == 0 : copies - least;
    for (int i = 0; i < optional; i++) { /* from the last copy to the first */
        int first = most < 0 ? at : at + (copies - 1 - i) * n;
        if (!add_fork(r, first, 1, end + i + 1 - first))
            return false;
    }
    return true;
}

/* Read "{N}", "{N,}" or "{N,M}" at r->s. */
static bool read_times(struct reader *r, int *least, int *most)
{
    char *end = (char *)r->s;
    *least = *most = -2;
    if (isdigit((unsigned char)r->s[1]))
        *least = *most = (int)strtol(r->s + 1, &end, 10);
    if (*end == ',') {
        *most = -1;
        if (isdigit((unsigned char)*++end))
            *most = (int)strtol(end, &end, 10);
    }
    r->s = end + 1;
    if (*end != '}' || *least < 0 || *least > MOST_TIMES ||
        *most > MOST_TIMES || *most == 0 || (*most > 0 && *most < *least))
        return mistake(r, "after '{' must stand N}, N,} or N,M}, with numbers "
                       "up to 255; the last one is not 0");
    return true;
}

/* Read an atom and what repeats it. */
static bool read_piece(struct reader *r)
{
    int at = r->pattern->n, least, most;
    if (!read_atom(r))
        return false;
    while (*r->s != '\0' && strchr("*+?{", *r->s) != NULL) {
        least = *r->s == '+';
        most = *r->s == '?' ? 1 : -1;
        if (*r->s != '{')
            r->s++;
        else if (!read_times(r, &least, &most))
            return false;
        if (!repeat(r, at, least, most))
            return false;
    }
    return true;
}

/* Read up to the end, or to the ')' of the group. */
static bool read_branches(struct reader *r)
{
    int at = r->pattern->n;
    while (*r->s != '\0' && *r->s != '|' && (*r->s != ')' || r->depth == 0))
        if (!read_piece(r))
            return false;
    if (*r->s != '|')
        return true;
    r->s++;
    int length = r->pattern->n - at;
    if (!add_fork(r, at, 1, length + 2) || !add_fork(r, r->pattern->n, 1, 1))
        return false;
    int over = r->pattern->n - 1; /* after this branch, skip the others */
    if (!read_branches(r))
        return false;
    r->pattern->steps[over].to = r->pattern->n - over;
    r->pattern->steps[over].or = r->pattern->n - over;
    return true;
}

bool pattern_begin(struct pattern *p, const char *text, char *why,
                   size_t size)
{
    struct reader r = { .pattern = p, .s = text, .why = why,
                        .why_size = size };
    *p = (struct pattern){ calloc(MOST_STEPS, sizeof *p->steps), 0 };
    if (p->steps == NULL)
        return mistake(&r, "no memory");
    if (read_branches(&r) && add_step(&r, FOUND) != NULL)
        return true;
    pattern_end(p);
    return false;
}

void pattern_end(struct pattern *p)
{
    free(p->steps);
    p->steps = NULL;
}

/* --------------------------------------------------------------- to match */

/* The steps that wait for a byte, each once. */
struct active {
    short steps[MOST_STEPS];
    int n;
    bool seen[MOST_STEPS];
};

/* Where are we in the line? */
struct place {
    bool begins, ends;
};

/* Step I is reached; follow it as far as no byte is needed. Is it FOUND? */
static bool reach(const struct pattern *p, struct active *a, int i,
                  struct place at)
{
    const struct step *step = &p->steps[i];
    if (a->seen[i])
        return false;
    a->seen[i] = true;
    switch (step->kind) {
    case FOUND: return true;
    case ONE_OF: a->steps[a->n++] = (short)i; return false;
    case FORK:
        return reach(p, a, i + step->to, at) || reach(p, a, i + step->or, at);
    case LINE_BEGINS: return at.begins && reach(p, a, i + 1, at);
    case LINE_ENDS: return at.ends && reach(p, a, i + 1, at);
    }
    return false;
}

bool pattern_matches(const struct pattern *p, const char *line)
{
    static struct active sets[2];
    struct active *now = &sets[0], *next = &sets[1], *swap;
    const char *s = line;
    memset(now, 0, sizeof *now);
    for (;; s++) {
        struct place at = { s == line, *s == '\0' };
        if (reach(p, now, 0, at)) /* it may begin here */
            return true;
        if (*s == '\0')
            return false;
        memset(next, 0, sizeof *next);
        at = (struct place){ false, s[1] == '\0' };
        for (int i = 0; i < now->n; i++)
            if (set_has(&p->steps[now->steps[i]], (unsigned char)*s) &&
                reach(p, next, now->steps[i] + 1, at))
                return true;
        swap = now, now = next, next = swap;
    }
}
