/*
 * load-latency: a histogram of how long load's answers took. It is small, and
 * as exact for 10 us as for 10 s: each power of two has 32 buckets, so a
 * bucket tells the time of its answers to about 3%.
 */
#ifndef LOAD_LATENCY_H
#define LOAD_LATENCY_H

/* Add one answer, which took so many nanoseconds (0 or more). */
void latency_add(long long ns);

/* The time, in ms, that a share of the answers (0.5: half of them) did not
   exceed; 0: there are no answers. */
double latency_percentile(double share);

/* The longest time of all, exactly, in ms. */
double latency_longest(void);

#endif
