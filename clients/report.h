/*
 * report: the result of load, as two or three lines of text, or as one line of
 * JSON. latency.h has the latencies.
 */
#ifndef REPORT_H
#define REPORT_H

struct result {
    int clients, messages, size, idle; /* as asked for: see load's options */
    int pid;                  /* the server's; 0: not known */
    long long answers, errors;
    long long answered_bytes; /* of whole answers and of parts */
    double seconds;           /* more than 0 */
    double server_cpu;        /* us per message; below 0: not known */
};

/* Print it to standard output. */
void print_text(const struct result *result);
void print_json(const struct result *result);

#endif
