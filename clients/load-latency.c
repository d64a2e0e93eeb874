/*
 * load-latency: a log-linear histogram of how long answers took. See
 * load-latency.h.
 */
#include "load-latency.h"

enum {
    STEP_BITS = 5, /* 32 buckets for each power of two: to 3% */
    STEPS = 1 << STEP_BITS,
};

static long long counts[64 * STEPS]; /* answers in each bucket */
static long long answers;            /* in all of them */
static long long longest;            /* ns */

/* A bucket's number is made of the time's highest bit (which power of two) and
   the five bits behind it (which step). Times below 64 ns are their own. */
void latency_add(long long ns)
{
    int highest = 63 - __builtin_clzll((unsigned long long)ns | 1);
    int shift = highest > STEP_BITS ? highest - STEP_BITS : 0;
    counts[shift * STEPS + (int)(ns >> shift)]++;
    answers++;
    longest = ns > longest ? ns : longest;
}

/* The middle of a bucket, in ns. */
static long long middle_of(int bucket)
{
    int shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;
    return (2LL * (bucket - shift * STEPS) + 1) << shift >> 1;
}

double latency_percentile(double share)
{
    int bucket = 0;
    double rank = share * (double)answers;
    for (long long n = counts[0]; (double)n < rank; n += counts[bucket])
        bucket++;
    long long middle = middle_of(bucket);
    return (double)(middle < longest ? middle : longest) / 1e6;
}

double latency_longest(void)
{
    return (double)longest / 1e6;
}
