/*
 * load-report: the result of load, as two or three lines of text, or as one
 * line of JSON. The latencies in it are those of load-latency.h.
 */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

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
