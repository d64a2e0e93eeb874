/*
 * progress: a bar on standard error. progress.h says what it does.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"
#include "text.h"

enum {
    REDRAW_TIME = 100, /* ms between two drawings */
};

static const char *shown;            /* the file's name; NULL: no bar */
static long long initial;            /* bytes that were there at first */
static long long current, total;     /* bytes; total -1: unknown */
static long long start, last_drawn;  /* ms, as now_ms() */

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int terminal_columns(void)
{
    struct winsize window = { .ws_col = 0 };
    ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    return window.ws_col > 0 ? window.ws_col : 80;
}

/*  33% [##########                    ] 120.0 of 360.0 MB  95.2 MB/s  name
   A longer line would wrap, and "\r" would not go back to its beginning. */
static void draw(void)
{
    static const char full[] = "##############################";
    double seconds = (double)(now_ms() - start + 1) / 1e3;
    double size = (double)(total > current ? total : current);
    double share = size > 0 ? (double)current / size : 1;
    char line[160];
    snprintf(line, sizeof line, "%3.0f%% [%-*.*s] %.1f of %.1f MB  %.1f MB/s"
             "  %.60s", 100 * share, (int)sizeof full - 1,
             (int)(share * (sizeof full - 1)), full, (double)current / 1e6,
             size / 1e6, (double)(current - initial) / 1e6 / seconds, shown);
    fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, line);
}

void progress_begin(const char *name, long long first, long long expected)
{
    const char *slash = strrchr(name, '/');
    if (isatty(STDERR_FILENO))
        shown = text_printable(slash == NULL ? name : slash + 1);
    initial = current = first;
    total = expected;
    start = now_ms();
}

void progress_add(long long bytes)
{
    current += bytes;
    if (shown == NULL || now_ms() - last_drawn < REDRAW_TIME)
        return;
    last_drawn = now_ms();
    draw();
}

long long progress_bytes(void)
{
    return current;
}

void progress_end(void)
{
    if (shown == NULL)
        return;
    draw();
    fprintf(stderr, "\n");
}
