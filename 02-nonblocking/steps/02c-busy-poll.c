/*
 * 02c-busy-poll: read from all streams in turn, over and over; count EAGAIN.
 *
 *     make 02c   or:  02-nonblocking/steps/02c-busy-poll [-s SECONDS (0.2)]
 *
 * Question: In 0.2 s ten messages come, and a loop reads eight pipes without a
 * pause. How many reads find nothing: ten, a thousand, or more?
 * For each row a child writes ten messages into eight pipes, in SECONDS. Look
 * at read_all(), the loop of the notes: it needs streams that do not block, or
 * it would stop at the first empty one. The first row is the notes' loop. The
 * rows with a pause save CPU, but a message waits until the next round.
 * The notes: 非阻塞忙轮询.
 *
 *     a pause of   messages    EAGAIN   ... per message      late    CPU
 *     none               10    913366           91336.6   0.11 ms   81 %
 *     1 ms               10      1472             147.2   0.52 ms    2 %
 */
#include <sys/wait.h>
#include "step.h"

enum { STREAMS = 8, MESSAGES = 10 };

static int streams[STREAMS], ends[STREAMS]; /* fds to read from, to write to */
static int messages, eagain_count;
static double late; /* ms, of all messages */

/* The child: it writes messages at uneven times into several pipes, and ends.
   A message is the time at which the child sent it. */
static _Noreturn void write_messages(void)
{
    for (int i = 0; i < MESSAGES; i++) {
        nap((0.55 + 0.1 * (i * 7 % 10)) / MESSAGES);
        double sent_at = now_ms();
        check(write(ends[i * 5 % STREAMS], &sent_at, sizeof sent_at), "write");
    }
    _exit(0);
}

/* One round of: for i in stream[] { if i has data, read until unavailable }
   Returns whether a stream is not yet at its end. */
static bool read_all(void)
{
    int empty = 0;
    for (int i = 0; i < STREAMS; i++) {
        double sent_at;
        ssize_t n;
        while ((n = read(streams[i], &sent_at, sizeof sent_at)) > 0) {
            late += now_ms() - sent_at;
            messages++;
        }
        if (n < 0 && errno != EAGAIN)
            err(1, "read");
        empty += n < 0;
    }
    eagain_count += empty;
    return empty > 0;
}

static void row(const char *name, long pause_ms)
{
    for (int i = 0; i < STREAMS; i++) {
        int fds[2];
        check(pipe(fds), "pipe");
        streams[i] = fds[0];
        ends[i] = fds[1];
        fcntl(streams[i], F_SETFL, O_NONBLOCK);
    }
    if (check(fork(), "fork") == 0)
        write_messages();
    for (int i = 0; i < STREAMS; i++)
        close(ends[i]); /* the child has the last copy, and closes it */

    messages = eagain_count = 0;
    late = 0;
    double time = now_ms(), cpu = cpu_ms();
    while (read_all())
        if (pause_ms > 0)
            sleep_ms(pause_ms);
    time = now_ms() - time;
    cpu = cpu_ms() - cpu;
    printf("%-10s %10d %9d %17.1f %6.2f ms %4.0f %%\n", name, messages,
           eagain_count, (double)eagain_count / MESSAGES, late / MESSAGES,
           100 * cpu / time);
    for (int i = 0; i < STREAMS; i++)
        close(streams[i]);
    wait(NULL);
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
