/*
 * 05f-cost: what one wake-up costs, with 2 to 10,000 fds: select, poll, epoll.
 *
 *     make 05f    or: 05-epoll/steps/05f-cost [-n FDS (10000, at the most)]
 *
 * Question: One of 10,000 fds is ready, and epoll is faster than poll(). Is it
 * also faster if all 10,000 are ready?
 * One round: write() makes one eventfd readable, or all of them; select(),
 * poll() or epoll_wait() returns; the program walks over the result and reads.
 * Each number is the median of many rounds, for one event. Look at the left
 * half first: one fd is ready, and epoll costs the same however many others
 * there are. Then look at the right half: all fds are ready, so there is none
 * to skip, and epoll is not the fastest. "+ctl": the program also calls DEL
 * and ADD for each event. (No call has to sleep here. A select() or poll()
 * that sleeps costs more: it enters itself in the wait queue of each fd.)
 * The notes: PS:epoll不一定比Select性能高, whose list of cases is lost.
 *
 *     Microseconds per event
 *                 one is ready                     ...
 *        fds   select     poll    epoll     +ctl   ...
 *          2     1.01     0.86     0.93     2.03   ...
 *       1000   101.36    98.50     0.98     2.37   ...
 */
#include "step.h"
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>

enum kind { SELECT, POLL, EPOLL, EPOLL_CTL, KINDS };

enum {
    MOST = 100000, /* fds */
    SIZES = 7,     /* numbers of fds to measure: 2, 10, 100, ... */
    TURNS = 9,     /* of each kind, for each size */
    ROUNDS = 200,  /* the most in one turn */
    TURN_MS = 1,   /* then the turn ends */
    SPARE = 16,    /* fds for other things */
};

/* The fds to watch, the first N of FDS, in the form that each call needs. */
static int fds[MOST], n;
static fd_set set_of_all;
static struct pollfd polled[MOST];
static int epoll_fd;
static struct epoll_event ready[MOST];

/* For the last round: fds that the program tested, bytes that the call copied
   into the kernel and back. */
static long tested, copied;

static struct row {
    int n;
    double cost[2][KINDS]; /* microseconds per event; [0]: one fd is ready,
                              [1]: all; 0: select() cannot */
    long tested[KINDS], copied[KINDS]; /* when one fd is ready */
} rows[SIZES];

/* ------------------------------------------------------- the three calls */

static void read_event(int fd)
{
    eventfd_t count;
    if (eventfd_read(fd, &count) < 0)
        err(1, "read");
}

static void control(int change, int fd)
{
    if (!watch_fd(epoll_fd, change, fd, EPOLLIN))
        err(1, "epoll_ctl");
}

/* One set (select() takes up to three) goes in and comes back: a bit for each
   number up to the highest, in words of 64 bits. */
static void wait_by_select(void)
{
    fd_set set = set_of_all;
    int nfds = fds[n - 1] + 1;
    if (select(nfds, &set, NULL, NULL, NULL) < 0)
        err(1, "select");
    copied = (nfds + 63) / 64 * 8 * 2;
    for (int i = 0; i < n; i++, tested++)
        if (FD_ISSET(fds[i], &set))
            read_event(fds[i]);
}

/* The array goes in, and each revents comes back. */
static void wait_by_poll(void)
{
    if (poll(polled, (nfds_t)n, -1) < 0)
        err(1, "poll");
    copied = n * (long)(sizeof polled[0] + sizeof polled[0].revents);
    for (int i = 0; i < n; i++, tested++)
        if (polled[i].revents != 0)
            read_event(polled[i].fd);
}

/* Nothing goes in. The fds that are ready come back, and no others. */
static void wait_by_epoll(bool register_again)
{
    int events = epoll_wait(epoll_fd, ready, n, -1);
    if (events < 0)
        err(1, "epoll_wait");
    copied = events * (long)sizeof ready[0];
    for (int i = 0; i < events; i++, tested++) {
        int fd = ready[i].data.fd;
        if (register_again)
            control(EPOLL_CTL_DEL, fd);
        read_event(fd);
        if (register_again)
            control(EPOLL_CTL_ADD, fd);
    }
}

/* --------------------------------------------------------- the measuring */

/* Make fd FIRST readable, or all fds, and wait. Returns the cost in
   microseconds per event. */
static double one_round(enum kind kind, int first, bool all)
{
    int events = all ? n : 1;
    tested = 0;
    double start = now_ms();
    for (int i = 0; i < events; i++)
        if (eventfd_write(fds[(first + i) % n], 1) < 0)
            err(1, "write");
    if (kind == SELECT)
        wait_by_select();
    else if (kind == POLL)
        wait_by_poll();
    else
        wait_by_epoll(kind == EPOLL_CTL);
    return (now_ms() - start) * 1e3 / events;
}

/* Rounds of one kind. Stores the cost of each and returns their number. Only
   epoll's turns have the fds in an epoll: it makes each write() cost more. */
static int one_turn(enum kind kind, bool all, double *costs)
{
    static long first; /* a different fd in each round, all over the list */
    int count = 0;
    epoll_fd = open_epoll();
    for (int i = 0; kind >= EPOLL && i < n; i++)
        control(EPOLL_CTL_ADD, fds[i]);
    one_round(kind, 0, all); /* to warm up */
    double end = now_ms() + TURN_MS;
    do {
        first = (first + 7919) % n;
        costs[count++] = one_round(kind, (int)first, all);
    } while (count < ROUNDS && now_ms() < end);
    close(epoll_fd);
    return count;
}

static int compare_costs(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The kinds take turns, so what slows down the machine slows them all. The
   median leaves out the few rounds that something has disturbed. */
static void measure(struct row *row, bool all)
{
    static double costs[KINDS][TURNS * ROUNDS];
    int count[KINDS] = { 0 };
    for (int turn = 0; turn < TURNS; turn++)
        for (enum kind kind = SELECT; kind < KINDS; kind++) {
            if (kind == SELECT && fds[n - 1] >= FD_SETSIZE)
                continue; /* FD_SET() would write beyond the set */
            count[kind] += one_turn(kind, all, costs[kind] + count[kind]);
            if (!all) {
                row->tested[kind] = tested;
                row->copied[kind] = copied;
            }
        }
    for (enum kind kind = SELECT; kind < KINDS; kind++) {
        qsort(costs[kind], (size_t)count[kind], sizeof(double), compare_costs);
        row->cost[all][kind] = count[kind] ? costs[kind][count[kind] / 2] : 0;
    }
}

/* ----------------------------------------------------------- the results */

/* A number of a table; 0: select() cannot do it. */
static void print_cell(double number, int decimals)
{
    if (number > 0)
        printf("%9.*f", decimals, number);
    else
        printf("%9s", "refuses");
}

static void print_counts(int count)
{
    printf("\nOne is ready\n%31s%31s\n   fds", "bytes that the call copies",
           "fds that we look at");
    printf("%9s%9s%9s%13s%9s%9s\n", "select", "poll", "epoll", "select",
           "poll", "epoll");
    for (const struct row *row = rows; row < rows + count; row++) {
        printf("%6d", row->n);
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            print_cell((double)row->copied[kind], 0);
        printf("%4s", "");
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            print_cell((double)row->tested[kind], 0);
        puts("");
    }
}

/* A bar, in eighths of a column, and its number. Returns their width. */
static int print_bar(double eighths, double cost, const char *colour)
{
    static const char *const parts[] = { "", "\u258f", "\u258e", "\u258d",
        "\u258c", "\u258b", "\u258a", "\u2589" };
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    int columns = (int)eighths / 8, part = utf8 ? (int)eighths % 8 : 0;
    fputs(colour, stdout);
    for (int i = 0; i < columns; i++)
        fputs(utf8 ? "\u2588" : "#", stdout);
    printf("%s%s", parts[part], *colour ? "\33[m" : "");
    return columns + (part > 0) + (cost > 0 ? printf(" %.2f", cost)
                                            : printf(" refuses"));
}

/* One line of the chart. On the left, 4 columns more mean ten times as much;
   on the right, 20 columns are the highest cost of all, MOST. */
static void print_bars(const struct row *row, enum kind kind, double most)
{
    static const char *const names[] = { "select", "poll", "epoll" };
    static const char *const colours[] = {
        "\33[38;5;172m", "\33[38;5;33m", "\33[38;5;71m" };
    const char *no_colour = getenv("NO_COLOR");
    bool plain = !isatty(STDOUT_FILENO) || (no_colour && *no_colour);
    const char *colour = plain ? "" : colours[kind];
    double one = row->cost[0][kind], all = row->cost[1][kind];

    double eighths = 0;
    for (double x = 0.1; x < one; x *= 1.0746078) /* the 32nd root of 10 */
        eighths++;
    if (kind == SELECT)
        printf("%6d ", row->n);
    else
        printf("%7s", "");
    printf("%-7s", names[kind]);
    printf("%*s", 34 - print_bar(eighths, one, colour), "");
    print_bar(all / most * 20 * 8, all, colour);
    puts("");
}

static void print_chart(int count)
{
    double most = 0;
    for (int i = 0; i < count; i++)
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            most = rows[i].cost[1][kind] > most ? rows[i].cost[1][kind] : most;
    printf("\nMicroseconds per event\n%14s%-34s%s\n", "",
           "one is ready (+4 columns: x 10)", "all are ready");
    for (int i = 0; i < count; i++)
        for (enum kind kind = SELECT; kind <= EPOLL; kind++)
            print_bars(&rows[i], kind, most);
}

/* ------------------------------------------------------------- the start */

/* Raise the limit of open files. Returns the number of fds to measure: MOST,
   or fewer, where the hard limit is lower. */
static int make_room_for(int most)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)most + SPARE;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        err(1, "RLIMIT_NOFILE");
    if (limit.rlim_cur == (rlim_t)most + SPARE)
        return most;
    printf("At most %d files may be open here (ulimit -Hn).\n",
           (int)limit.rlim_cur);
    return (int)limit.rlim_cur - SPARE;
}

/* Open more eventfds, until there are SIZE. */
static void open_fds(int size)
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
    begin_step(argc, argv, "n:", "[-n FDS (10000; from 10 to 100000)]");
    optind = 1; /* the options once more: step has no place for FDS */
    while (getopt(argc, argv, "n:") == 'n')
        most = parse_number(optarg, 10, MOST);
    setlocale(LC_CTYPE, "");
    most = make_room_for(most);

    printf("Microseconds per event\n%24s%35s\n   fds", "one is ready",
           "all are ready");
    for (int i = 0; i < 2; i++)
        printf("%9s%9s%9s%9s", "select", "poll", "epoll", "+ctl");
    puts("");
    for (int size = 2; n < most; size = size == 2 ? 10 : size * 10) {
        struct row *row = &rows[count++];
        open_fds(size < most ? size : most);
        row->n = n;
        printf("%6d", n);
        for (int all = 0; all < 2; all++) {
            measure(row, all);
            for (enum kind kind = SELECT; kind < KINDS; kind++)
                print_cell(row->cost[all][kind], 2);
        }
        puts("");
    }
    print_counts(count);
    print_chart(count);
}
