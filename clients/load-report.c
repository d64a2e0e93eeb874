/*
 * load-report: the result of load, as text or JSON. See load-report.h.
 */
#include "load-report.h"
#include "load-latency.h"
#include <stdio.h>

/* How many digits after the point: 0.042, 1.92, 45.6, 5963. */
static int digits(double x)
{
    return x < 1 ? 3 : x < 10 ? 2 : x < 100 ? 1 : 0;
}

void print_text(const struct result *r)
{
    double p50 = latency_percentile(0.50), p99 = latency_percentile(0.99);
    double max = latency_longest();
    double mb = (double)r->answered_bytes / 1e6 / r->seconds;

    printf("%d clients x %d messages x %d bytes", r->clients, r->messages,
           r->size);
    if (r->idle > 0)
        printf(" beside %d idle", r->idle);
    printf(": %lld answers, %lld errors in %.2f s\n", r->answers, r->errors,
           r->seconds);
    printf("%.0f answers/s   %.*f MB/s   latency p50 %.*f ms  p99 %.*f ms  "
           "max %.*f ms\n", (double)r->answers / r->seconds, digits(mb), mb,
           digits(p50), p50, digits(p99), p99, digits(max), max);
    if (r->server_cpu >= 0)
        printf("server's CPU time: %.*f us per message\n",
               digits(r->server_cpu), r->server_cpu);
    else if (r->pid > 0)
        printf("server's CPU time: not known (no answers, no process %d, or "
               "a system that does not count it)\n", r->pid);
}

void print_json(const struct result *r)
{
    printf("{\"clients\": %d, \"messages\": %d, \"bytes\": %d, \"idle\": %d, "
           "\"answers\": %lld, \"errors\": %lld, \"seconds\": %.6f, "
           "\"answers_per_second\": %.1f, \"mb_per_second\": %.3f, "
           "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, "
           "\"server_cpu_us_per_message\": ",
           r->clients, r->messages, r->size, r->idle, r->answers, r->errors,
           r->seconds, (double)r->answers / r->seconds,
           (double)r->answered_bytes / 1e6 / r->seconds,
           latency_percentile(0.50), latency_percentile(0.99),
           latency_longest());
    printf(r->server_cpu < 0 ? "null}\n" : "%.3f}\n", r->server_cpu);
}
