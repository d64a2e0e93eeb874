/*
 * 02c-busy-poll: read from all streams in turn, over and over; count EAGAIN.
 *
 *     make 02c   or:  02-nonblocking/steps/02c-busy-poll [-s SECONDS (0.2)]
 *
 * SECONDS is how long each row takes. There are eight pipes; now and then a
 * child writes a message into one of them, with the time in it. Look at
 * read_all(): it is the loop of the notes, and needs streams that do not
 * block. (On one that blocks, the first empty stream stops the loop.) The
 * first row is the notes' loop. The rows with a pause save CPU, but messages
 * come late: each waits until the next round.
 * The notes: 非阻塞忙轮询.
 *
 *     8 streams, 10 messages; between two rounds
 *     a pause of   messages    EAGAIN   ... per message      late    CPU
 *     none               10    913366           91336.6   0.11 ms   81 %
 *     1 ms               10      1472             147.2   0.52 ms    2 %
 *     10 ms              10       168              16.8   5.25 ms    0 %
 *     100 ms             10        24               2.4  51.57 ms    0 %
 */
#include <sys/wait.h>
#include "step.h"

enum { STREAMS = 8, MESSAGES = 10 };

static int streams[STREAMS]; /* fds to read from; -1: at its end */
static int messages, eagain_count, open_streams;
static double late; /* ms, of all messages */

/* The child: it writes messages at uneven times into several pipes, and ends.
   A message is the time at which the child sent it. */
static _Noreturn void write_messages(const int *ends)
{
    for (int i = 0; i < MESSAGES; i++) {
        nap((0.55 + 0.1 * (i * 7 % 10)) / MESSAGES);
        double sent_at = now_ms();
        if (write(ends[i * 5 % STREAMS], &sent_at, sizeof sent_at) !=
            sizeof sent_at)
            err(1, "write");
    }
    _exit(0);
}

/* One round of: for i in stream[] { if i has data, read until unavailable } */
static void read_all(void)
{
    for (int i = 0; i < STREAMS; i++) {
        double sent_at;
        ssize_t n = -1;
        while (streams[i] >= 0 &&
               (n = read(streams[i], &sent_at, sizeof sent_at)) > 0) {
            late += now_ms() - sent_at;
            messages++;
        }
        if (streams[i] < 0)
            continue;
        if (n == 0) {
            close(streams[i]);
            streams[i] = -1;
            open_streams--;
        } else if (errno == EAGAIN) {
            eagain_count++;
        } else if (errno != EINTR) {
            err(1, "read");
        }
    }
}

/* Open the pipes and start the child. */
static pid_t start_writer(void)
{
    int ends[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        int fds[2];
        if (pipe(fds) < 0)
            err(1, "pipe");
        streams[i] = fds[0];
        ends[i] = fds[1];
        fcntl(streams[i], F_SETFL, O_NONBLOCK);
    }
    open_streams = STREAMS;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0)
        write_messages(ends);
    for (int i = 0; i < STREAMS; i++)
        close(ends[i]);
    return child;
}

static void row(const char *name, long pause_ms)
{
    pid_t child = start_writer();
    messages = eagain_count = 0;
    late = 0;
    double time = now_ms(), cpu = cpu_ms();
    while (open_streams > 0) {
        read_all();
        if (pause_ms > 0)
            sleep_ms(pause_ms);
    }
    time = now_ms() - time;
    cpu = cpu_ms() - cpu;
    waitpid(child, NULL, 0);
    printf("%-10s %10d %9d %17.1f %6.2f ms %4.0f %%\n", name, messages,
           eagain_count, (double)eagain_count / MESSAGES, late / MESSAGES,
           100 * cpu / time);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS of each row (0.2)]");
    printf("%d streams, %d messages; between two rounds\n"
           "a pause of   messages    EAGAIN   ... per message      late    CPU"
           "\n", STREAMS, MESSAGES);
    row("none", 0);
    row("1 ms", 1);
    row("10 ms", 10);
    row("100 ms", 100);
}
