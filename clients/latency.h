/*
 * latency: how long answers took: a histogram, small, and as exact for 10 us
 * as for 10 s. Each power of two has 32 buckets, so an answer's bucket tells
 * its time to about 3%.
 */
#ifndef LATENCY_H
#define LATENCY_H

/* Add one answer, which took so many nanoseconds (0 or more). */
void latency_add(long long ns);

/* The time, in ms, that a share of the answers (0.5: half of them) did not
   exceed; 0: there are no answers. */
double latency_percentile(double share);

/* The longest time of all, exactly, in ms. */
double latency_longest(void);

#endif
