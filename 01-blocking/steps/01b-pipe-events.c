/*
 * 01b-pipe-events: what sends a pipe's reader and writer to sleep and wakes
 * them.
 *
 *     make 01b                                         run it
 *     01-blocking/steps/01b-pipe-events [-s SECONDS]   of each nap (0.2)
 *
 * A writes, B reads: two processes, and the notes' four events. Look at how
 * much B has to read until the full pipe is "not full" for A (on Linux one
 * page), and at what the notes leave out: either end is closed.
 * The notes: 1、内核EPOLL模型讲解.
 *
 *     0.0 s  B: reads an empty pipe, and sleeps
 *     0.2 s  A: B's state: S. Writes 5 bytes
 *     0.2 s  B: NOT EMPTY: wakes up with 5 bytes
 *     0.4 s  A: FULL at 65536 bytes: writes 4096 more, and sleeps
 *     0.6 s  B: A's state: S. Reads 1 byte
 *     0.8 s  B: A's state: S. Reads 4095 bytes
 *     0.8 s  A: NOT FULL: wakes up, 4096 bytes are written
 *     1.0 s  B: EMPTY after 65536 bytes; reads on, and sleeps
 *     1.2 s  A: B's state: S. Closes, after 69637 bytes in all
 *     1.2 s  B: END OF FILE: wakes up with 0 bytes, after 69637 in all
 *     1.2 s  A: NO READER LEFT: write: Broken pipe
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64 * 1024 }; /* bytes: no page is larger */
#define PAGE ((int)sysconf(_SC_PAGESIZE)) /* what a pipe is made of */

static double second = 0.2, start;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define TELL(...) \
    (printf("%.1f s  ", now() - start), printf(__VA_ARGS__), putchar('\n'))

static void nap(void)
{
    usleep((useconds_t)(second * 1e6));
}

/* S: asleep; R: running; ? where there is no /proc to tell. */
static char state_of(pid_t pid)
{
    char path[32], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            state = '?';
        fclose(file);
    }
    return state;
}

static int bytes_in(int pipe_end)
{
    int n;
    if (ioctl(pipe_end, FIONREAD, &n) < 0)
        err(1, "FIONREAD");
    return n;
}

static int take(int fd, size_t most)
{
    char bytes[MOST];
    ssize_t n = read(fd, bytes, most);
    if (n < 0)
        err(1, "read");
    return (int)n;
}

static int give(int fd, size_t length)
{
    static const char bytes[MOST];
    if (write(fd, bytes, length) != (ssize_t)length)
        err(1, "write");
    return (int)length;
}

static void be_b(int fd, pid_t a)
{
    TELL("B: reads an empty pipe, and sleeps");
    int total = take(fd, (size_t)PAGE), n = 0;
    TELL("B: NOT EMPTY: wakes up with %d bytes", total);
    nap(), nap();
    TELL("B: A's state: %c. Reads 1 byte", state_of(a));
    total += take(fd, 1);
    nap();
    TELL("B: A's state: %c. Reads %d bytes", state_of(a), PAGE - 1);
    total += take(fd, (size_t)PAGE - 1);
    nap();
    while (bytes_in(fd) > 0)
        n += take(fd, (size_t)PAGE);
    TELL("B: EMPTY after %d bytes; reads on, and sleeps", n);
    total += n;
    n = take(fd, (size_t)PAGE);
    TELL("B: END OF FILE: wakes up with %d bytes, after %d in all", n, total);
}

static void be_a(int fd, pid_t b)
{
    nap();
    TELL("A: B's state: %c. Writes 5 bytes", state_of(b));
    int total = give(fd, 5);
    nap();
    while (poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 0) > 0)
        total += give(fd, (size_t)PAGE);
    TELL("A: FULL at %d bytes: writes %d more, and sleeps", bytes_in(fd),
         PAGE);
    total += give(fd, (size_t)PAGE);
    TELL("A: NOT FULL: wakes up, %d bytes are written", PAGE);
    nap(), nap();
    TELL("A: B's state: %c. Closes, after %d bytes in all", state_of(b),
         total);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a write that nobody will read kills us */
    start = now();

    int fds[2];
    pid_t a = getpid(), b = pipe(fds) < 0 ? -1 : fork();
    if (b < 0)
        err(1, "pipe and fork");
    if (b == 0) {
        close(fds[1]); /* or B were a writer too: no end of file, ever */
        be_b(fds[0], a);
        return 0;
    }
    close(fds[0]);
    be_a(fds[1], b);
    waitpid(b, NULL, 0);

    if (pipe(fds) < 0 || close(fds[0]) < 0)
        err(1, "pipe");
    if (write(fds[1], "x", 1) < 0)
        TELL("A: NO READER LEFT: write: %s", strerror(errno));
}
