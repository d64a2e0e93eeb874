/*
 * 02c-busy-poll: ask all streams in turn, over and over, and count in vain.
 *
 *     make 02c   or:  02-nonblocking/steps/02c-busy-poll [-s SECONDS (0.2)]
 *
 * SECONDS is how long each row takes. Eight pipes; a child writes a message
 * into one of them now and then, with the time in it. Look at ask_all(): the
 * loop of the notes, for streams that do not block (in one that does, "until
 * unavailable" would be for ever). The first row is theirs; those with a pause
 * save the CPU and pay with time: a message waits until it is asked for.
 * The notes: 非阻塞忙轮询.
 *
 *     8 streams, 10 messages; between two rounds
 *     a pause of   messages   in vain   ... per message      late    CPU
 *     none               10    913366           91336.6   0.11 ms   81 %
 *     1 ms               10      1472             147.2   0.52 ms    2 %
 *     10 ms              10       168              16.8   5.25 ms    0 %
 *     100 ms             10        24               2.4  51.57 ms    0 %
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STREAMS = 8, MESSAGES = 10 };

static double second = 0.2;
static int streams[STREAMS]; /* to read from; -1: it has ended */
static int messages, in_vain, open_streams;
static double late; /* ms, the sum */

static double ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The child: it writes, now to this one, now to that, sooner or later, and
   ends. A message is the time at which it was sent. */
static _Noreturn void write_into(const int *ends)
{
    for (int i = 0; i < MESSAGES; i++) {
        double share = (0.55 + 0.1 * (i * 7 % 10)) / MESSAGES; /* of it all */
        usleep((useconds_t)(second * share * 1e6));
        double sent = ms(CLOCK_MONOTONIC);
        if (write(ends[i * 5 % STREAMS], &sent, sizeof sent) != sizeof sent)
            err(1, "write");
    }
    _exit(0);
}

/* One round of: for i in stream[] { if i has data, read until unavailable } */
static void ask_all(void)
{
    for (int i = 0; i < STREAMS; i++) {
        double sent;
        ssize_t n = -1;
        while (streams[i] >= 0 &&
               (n = read(streams[i], &sent, sizeof sent)) > 0) {
            late += ms(CLOCK_MONOTONIC) - sent;
            messages++;
        }
        if (streams[i] < 0)
            continue;
        if (n == 0) {
            close(streams[i]);
            streams[i] = -1;
            open_streams--;
        } else if (errno == EAGAIN) {
            in_vain++;
        } else if (errno != EINTR) {
            err(1, "read");
        }
    }
}

static void row(const char *name, double pause_ms)
{
    int writer[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        int ends[2];
        if (pipe(ends) < 0)
            err(1, "pipe");
        streams[i] = ends[0];
        writer[i] = ends[1];
        fcntl(streams[i], F_SETFL, O_NONBLOCK);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0)
        write_into(writer);
    for (int i = 0; i < STREAMS; i++)
        close(writer[i]);

    messages = in_vain = 0;
    late = 0;
    open_streams = STREAMS;
    double time = ms(CLOCK_MONOTONIC), cpu = ms(CLOCK_PROCESS_CPUTIME_ID);
    while (open_streams > 0) {
        ask_all();
        if (pause_ms > 0)
            usleep((useconds_t)(pause_ms * 1000));
    }
    time = ms(CLOCK_MONOTONIC) - time;
    cpu = ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    waitpid(child, NULL, 0);
    printf("%-10s %10d %9d %17.1f %6.2f ms %4.0f %%\n", name, messages,
           in_vain, (double)in_vain / MESSAGES, late / MESSAGES,
           100 * cpu / time);
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);

    printf("%d streams, %d messages; between two rounds\n"
           "a pause of   messages   in vain   ... per message      late    CPU"
           "\n", STREAMS, MESSAGES);
    row("none", 0);
    row("1 ms", 1);
    row("10 ms", 10);
    row("100 ms", 100);
}
