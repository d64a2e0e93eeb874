/*
 * 05f-cost: what one wake-up costs, with 2 to 10,000 fds: select, poll, epoll.
 *
 *     make 05f    or: 05-epoll/steps/05f-cost [-n FDS (10000, at the most)]
 *
 * One round: a write() makes one fd readable (or all of them), a call tells
 * which, we walk over its answer and read. The fds are eventfds. All kinds
 * take turns, nine of up to 200 rounds; each number is the median of a kind's
 * rounds, divided by the events in a round. Look at the left half first: one
 * is ready, and how many are silent is all the same to epoll. Then at the
 * right one: all are ready, there is nobody to skip, and epoll does not win.
 * "+ctl" is epoll told anew of the fd, by DEL and ADD, at each event. (No call
 * has to sleep here: a select() or poll() that does costs more still, as it
 * queues up at each fd, and looks at all again when it has woken up.)
 * The notes: PS:epoll不一定比Select性能高, whose list of cases is lost.
 *
 *     Microseconds per event
 *                 one is ready                     ...
 *        fds   select     poll    epoll     +ctl   ...
 *          2     1.01     0.86     0.93     2.03   ...
 *       1000   101.36    98.50     0.98     2.37   ...
 */
#ifndef __linux__
#error "05-epoll needs Linux; the lessons before it work on other systems too"
#endif
#include <err.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define USAGE "usage: 05f-cost [-n FDS (10000; from 10 to 100000)]"

enum kind { SELECT, POLL, EPOLL, EPOLL_CTL, KINDS };

enum {
    MOST = 100000,    /* fds */
    SIZES = 7,        /* of the list: 2, 10, 100, ... and FDS */
    TURNS = 9,        /* of each kind, at each size */
    ROUNDS = 200,     /* in a turn, at most; ... */
    TURN_TIME = 1500, /* microseconds, after which it ends */
    SPARE = 16,       /* fds that we need for other things */
};

/* The first n fds are watched. The question, as each of the calls wants it: a
   set, a list, and the list that the kernel keeps. */
static int fds[MOST], n;
static fd_set set_of_all;
static struct pollfd polled[MOST];
static int epoll_fd;
static struct epoll_event ready[MOST];

/* What a round took: fds that we looked at, bytes that the call copied. */
static long looked_at, copied;

static struct row {
    int n;
    double cost[2][KINDS]; /* microseconds; [0] one ready, [1] all; 0: none */
    long looked_at[KINDS], copied[KINDS]; /* one ready */
} rows[SIZES];

static void hear(int fd)
{
    eventfd_t count;
    if (eventfd_read(fd, &count) < 0)
        err(1, "read");
}

static void watch(int change, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    if (epoll_ctl(epoll_fd, change, fd, &event) < 0)
        err(1, "epoll_ctl");
}

/* A set (one of three that there could be) goes in and comes back: a bit for
   each number up to the highest, in words of 64. */
static void by_select(void)
{
    fd_set set = set_of_all;
    int nfds = fds[n - 1] + 1;
    if (select(nfds, &set, NULL, NULL, NULL) < 0)
        err(1, "select");
    copied = (nfds + 63) / 64 * 8 * 2;
    for (int i = 0; i < n; i++, looked_at++)
        if (FD_ISSET(fds[i], &set))
            hear(fds[i]);
}

/* The list goes in, and each revents comes back. */
static void by_poll(void)
{
    if (poll(polled, (nfds_t)n, -1) < 0)
        err(1, "poll");
    copied = n * (long)(sizeof polled[0] + sizeof polled[0].revents);
    for (int i = 0; i < n; i++, looked_at++)
        if (polled[i].revents != 0)
            hear(polled[i].fd);
}

/* Nothing goes in; those that are ready come back. */
static void by_epoll(bool tell_anew)
{
    int events = epoll_wait(epoll_fd, ready, n, -1);
    if (events < 0)
        err(1, "epoll_wait");
    copied = events * (long)sizeof ready[0];
    for (int i = 0; i < events; i++, looked_at++) {
        int fd = ready[i].data.fd;
        if (tell_anew)
            watch(EPOLL_CTL_DEL, fd);
        hear(fd);
        if (tell_anew)
            watch(EPOLL_CTL_ADD, fd);
    }
}

static double now(void) /* in microseconds */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One round; fd FIRST, or all, become readable. Returns what an event cost. */
static double one_round(enum kind kind, int first, bool all)
{
    looked_at = 0;
    double start = now();
    for (int i = 0; i < (all ? n : 1); i++)
        if (eventfd_write(fds[(first + i) % n], 1) < 0)
            err(1, "write");
    if (kind == SELECT)
        by_select();
    else if (kind == POLL)
        by_poll();
    else
        by_epoll(kind == EPOLL_CTL);
    return (now() - start) / (all ? n : 1);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* All kinds take turns. What slows one down (another program, the CPU's own
   clock) slows them all; a median forgets what happens to a few rounds. */
static void measure(struct row *row, bool all)
{
    static double costs[KINDS][TURNS * ROUNDS];
    int count[KINDS] = { 0 };
    for (int turn = 0; turn < TURNS; turn++) {
        if ((epoll_fd = epoll_create1(0)) < 0)
            err(1, "epoll_create1");
        for (enum kind kind = SELECT; kind < KINDS; kind++) {
            if (kind == SELECT && fds[n - 1] >= FD_SETSIZE)
                continue; /* FD_SET() would write beyond the set */
            for (int i = 0; kind == EPOLL && i < n; i++)
                watch(EPOLL_CTL_ADD, fds[i]); /* now: a write() notes it */
            double end = now() + TURN_TIME;
            one_round(kind, 0, all); /* to warm up */
            for (int i = 0; i == 0 || (i < ROUNDS && now() < end); i++)
                costs[kind][count[kind]++] =
                    one_round(kind, (turn * ROUNDS + i) * 7919 % n, all);
            if (!all) {
                row->looked_at[kind] = looked_at;
                row->copied[kind] = copied;
            }
        }
        close(epoll_fd);
    }
    for (enum kind kind = SELECT; kind < KINDS; kind++) {
        qsort(costs[kind], (size_t)count[kind], sizeof(double), by_size);
        row->cost[all][kind] = count[kind] ? costs[kind][count[kind] / 2] : 0;
    }
}

/* ------------------------------------------------------------ the results */

/* A number of the table. What select() refuses has cost nothing. */
static void cell(double number, int decimals)
{
    if (number > 0)
        printf("%9.*f", decimals, number);
    else
        printf("%9s", "refuses");
}

/* A bar, in eighths of a column, and its number. Returns their width. */
static int bar(int eighths, double cost, const char *colour, bool utf8)
{
    static const char *const parts[] = { "", "\u258f", "\u258e", "\u258d",
        "\u258c", "\u258b", "\u258a", "\u2589" };
    int columns = eighths / 8, part = utf8 ? eighths % 8 : 0;
    fputs(colour, stdout);
    for (int i = 0; i < columns; i++)
        fputs(utf8 ? "\u2588" : "#", stdout);
    printf("%s%s", parts[part], *colour ? "\33[m" : "");
    return columns + (part > 0) + (cost > 0 ? printf(" %.2f", cost)
                                            : printf(" refuses"));
}

/* One line of the chart. Left: 4 columns more are ten times as much; right:
   20 columns are the most there is. */
static void bars(const struct row *row, enum kind kind, double most)
{
    static const char *const names[] = { "select", "poll", "epoll" };
    static const char *const colours[] = {
        "\33[38;5;172m", "\33[38;5;33m", "\33[38;5;71m" };
    const char *no_colour = getenv("NO_COLOR");
    bool plain = !isatty(STDOUT_FILENO) || (no_colour && *no_colour);
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    const char *colour = plain ? "" : colours[kind];
    double one = row->cost[0][kind], all = row->cost[1][kind];

    int eighths = 0;
    for (double x = 0.1; x < one; x *= 1.0746078) /* the 32nd root of 10 */
        eighths++;
    if (kind == SELECT)
        printf("%6d ", row->n);
    else
        printf("%7s", "");
    printf("%-7s", names[kind]);
    printf("%*s", 34 - bar(eighths, one, colour, utf8), "");
    bar((int)(all / most * 20 * 8), all, colour, utf8);
    puts("");
}

static void print_results(const struct row *row, int count)
{
    double most = 0;
    printf("\nOne is ready\n%31s%31s\n   fds", "bytes that the call copies",
           "fds that we look at");
    printf("%9s%9s%9s%13s%9s%9s\n", "select", "poll", "epoll", "select",
           "poll", "epoll");
    for (int i = 0; i < count; i++) {
        printf("%6d", row[i].n);
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            cell((double)row[i].copied[kind], 0);
        printf("%4s", "");
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            cell((double)row[i].looked_at[kind], 0);
        puts("");
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            most = row[i].cost[1][kind] > most ? row[i].cost[1][kind] : most;
    }
    printf("\nMicroseconds per event\n%14s%-34s%s\n", "",
           "one is ready (+4 columns: x 10)", "all are ready");
    for (int i = 0; i < count; i++)
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            bars(&row[i], kind, most);
}

/* Set our limit of open files; return how many fds there can be. */
static int room_for(int most)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)most + SPARE;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        err(1, "RLIMIT_NOFILE");
    if ((int)limit.rlim_cur >= most + SPARE)
        return most;
    printf("At most %d files may be open here (ulimit -Hn).\n",
           (int)limit.rlim_cur);
    return (int)limit.rlim_cur - SPARE;
}

/* Have so many fds, and put the question in the form of each call. */
static void watch_more(int size)
{
    for (; n < size; n++) {
        if ((fds[n] = eventfd(0, EFD_NONBLOCK)) < 0)
            err(1, "eventfd");
        polled[n] = (struct pollfd){ fds[n], POLLIN, 0 };
        if (fds[n] < FD_SETSIZE)
            FD_SET(fds[n], &set_of_all);
    }
}

int main(int argc, char **argv)
{
    int most = 10000, count = 0;
    char rest;
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-n") != 0 ||
                     sscanf(argv[2], "%7d%c", &most, &rest) != 1 ||
                     most < 10 || most > MOST))
        errx(2, USAGE);
    setlocale(LC_CTYPE, "");
    setvbuf(stdout, NULL, _IOLBF, 0);
    most = room_for(most);

    printf("Microseconds per event\n%24s%35s\n   fds", "one is ready",
           "all are ready");
    for (int i = 0; i < 2; i++)
        printf("%9s%9s%9s%9s", "select", "poll", "epoll", "+ctl");
    puts("");
    for (int size = 2; n < most; size = size == 2 ? 10 : size * 10) {
        struct row *row = &rows[count++];
        watch_more(size < most ? size : most);
        row->n = n;
        printf("%6d", n);
        for (int all = 0; all < 2; all++) {
            measure(row, all);
            for (enum kind kind = SELECT; kind < KINDS; kind++)
                cell(row->cost[all][kind], 2);
        }
        puts("");
    }
    print_results(rows, count);
}
