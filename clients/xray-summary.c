/*
 * xray-summary: count calls, and print a table of them. See xray-summary.h.
 */
#include "xray-summary.h"
#include <err.h>
#include <stdlib.h>
#include <string.h>

#define LOG "write, log" /* the name of a write() of the program's log */

struct tally { /* of one call in one thread */
    pid_t tid;
    const char *name;
    long calls, slept, refused;
    double asleep_ms;
    long long bytes;
    bool unfinished; /* the thread has ended in the call */
};

static struct tally *tallies;
static size_t n_tallies;
static long messages; /* calls that received bytes from a socket */

static struct tally *find_tally(pid_t tid, const char *name)
{
    for (size_t i = 0; i < n_tallies; i++)
        if (tallies[i].tid == tid && strcmp(tallies[i].name, name) == 0)
            return &tallies[i];
    struct tally *more = realloc(tallies, (n_tallies + 1) * sizeof *more);
    if (!more)
        err(1, "malloc");
    tallies = more;
    tallies[n_tallies] = (struct tally){ .tid = tid, .name = name };
    return &tallies[n_tallies++];
}

void summary_add(const struct event *e)
{
    struct tally *t = find_tally(e->tid, e->is_log ? LOG : e->name);
    t->calls++;
    t->slept += e->slept;
    t->asleep_ms += e->asleep_ms;
    t->refused += e->refused;
    t->bytes += e->bytes > 0 ? e->bytes : 0;
    t->unfinished = e->unfinished;
    messages += e->on_socket && e->bytes > 0 &&
                (strncmp(e->name, "recv", 4) == 0 ||
                 strncmp(e->name, "read", 4) == 0);
}

/* The sum of the tallies of one call in all threads; NULL: of all calls. */
static struct tally sum_of(const char *name)
{
    struct tally sum = { .name = name ? name : "all" };
    for (size_t i = 0; i < n_tallies; i++) {
        const struct tally *t = &tallies[i];
        if (name && strcmp(t->name, name) != 0)
            continue;
        sum.calls += t->calls;
        sum.slept += t->slept;
        sum.refused += t->refused;
        sum.asleep_ms += t->asleep_ms;
        sum.bytes += t->bytes;
    }
    return sum;
}

static void print_sum(FILE *out, const struct tally *t)
{
    fprintf(out, "%-15s %9ld %9ld %11.1f %13lld %9ld\n", t->name, t->calls,
            t->slept, t->asleep_ms, t->bytes, t->refused);
}

/* A line for each call that this thread slept in. */
static void print_sleeps(FILE *out, pid_t tid)
{
    for (size_t i = 0; i < n_tallies; i++) {
        const struct tally *t = &tallies[i];
        if (t->tid == tid && t->slept > 0)
            fprintf(out, "  %d %-15s %9ld %11.1f ms%s\n", tid, t->name,
                    t->slept, t->asleep_ms,
                    t->unfinished ? ", until it ended" : "");
    }
}

/* Is this the first tally of its call, and of its thread? */
static bool is_first_of_call(size_t i)
{
    size_t first = 0;
    while (strcmp(tallies[first].name, tallies[i].name) != 0)
        first++;
    return first == i;
}

static bool is_first_of_thread(size_t i)
{
    size_t first = 0;
    while (tallies[first].tid != tallies[i].tid)
        first++;
    return first == i;
}

void summary_print(FILE *out)
{
    struct tally all = sum_of(NULL), log = sum_of(LOG);
    fprintf(out, "%-15s %9s %9s %11s %13s %9s\n", "call", "calls", "slept",
            "ms asleep", "bytes", "refused");
    for (size_t i = 0; i < n_tallies; i++)
        if (is_first_of_call(i)) {
            struct tally sum = sum_of(tallies[i].name);
            print_sum(out, &sum);
        }
    print_sum(out, &all);
    if (messages > 0)
        fprintf(out, "%ld messages received, %.2f calls for each%s\n",
                messages, (double)(all.calls - log.calls) / (double)messages,
                log.calls > 0 ? " (the log not counted)" : "");
    fprintf(out, "asleep in:\n");
    for (size_t i = 0; i < n_tallies; i++)
        if (is_first_of_thread(i))
            print_sleeps(out, tallies[i].tid);
}
