/*
 * 01b-pipe-events: the events that wake a pipe's reader and writer.
 *
 *     make 01b   or:  01-blocking/steps/01b-pipe-events [-s SECONDS (0.2)]
 *
 * Question: A pipe is full, and its writer sleeps. The reader takes one byte.
 * Does the writer wake up?
 * Two processes: A writes to a pipe, B reads from it, and the notes' four
 * events happen, with naps of SECONDS between them. Look at how much B has to
 * read before the full pipe is "not full" for A: on Linux a whole page. The
 * notes leave out two more events: an end of the pipe is closed.
 * The notes: 1、内核EPOLL模型讲解.
 *
 *     0.2 s  A: B's state: S. Writes 5 bytes
 *     0.2 s  B: NOT EMPTY: wakes up with 5 bytes
 *     ...
 */
#include <poll.h>
#include <sys/ioctl.h>
#include "step.h"

enum { MOST = 64 * 1024 }; /* bytes: no page is larger */
#define PAGE ((int)sysconf(_SC_PAGESIZE)) /* a pipe consists of pages */

/* A line: the seconds since the first one, and what happened. */
#define PRINT(...) (printf("%.1f s  ", now() * step.second), \
                    printf(__VA_ARGS__), putchar('\n'))

/* S: asleep; R: running; ?: there is no /proc here. */
static char state_of(pid_t pid)
{
    char path[32], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    if (file != NULL)
        fclose(file);
    return state;
}

static int bytes_in(int pipe_end)
{
    int n;
    check(ioctl(pipe_end, FIONREAD, &n), "FIONREAD");
    return n;
}

static int read_bytes(int fd, int most)
{
    static char bytes[MOST];
    return check(read(fd, bytes, (size_t)most), "read");
}

static int write_bytes(int fd, int length)
{
    static const char bytes[MOST];
    return check(write(fd, bytes, (size_t)length), "write");
}

static void run_reader(int fd, pid_t a)
{
    PRINT("B: reads an empty pipe, and sleeps");
    int total = read_bytes(fd, PAGE), n = 0;
    PRINT("B: NOT EMPTY: wakes up with %d bytes", total);
    nap(2);
    PRINT("B: A's state: %c. Reads 1 byte", state_of(a));
    total += read_bytes(fd, 1);
    nap(1);
    PRINT("B: A's state: %c. Reads %d bytes", state_of(a), PAGE - 1);
    total += read_bytes(fd, PAGE - 1);
    nap(1);
    while (bytes_in(fd) > 0)
        n += read_bytes(fd, PAGE);
    PRINT("B: EMPTY after %d bytes; reads on, and sleeps", n);
    total += n;
    n = read_bytes(fd, PAGE);
    PRINT("B: END OF FILE: wakes up with %d bytes, after %d in all", n, total);
}

static void run_writer(int fd, pid_t b)
{
    nap(1);
    PRINT("A: B's state: %c. Writes 5 bytes", state_of(b));
    int total = write_bytes(fd, 5);
    nap(1);
    while (poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 0) > 0)
        total += write_bytes(fd, PAGE);
    PRINT("A: FULL at %d bytes: writes %d more, and sleeps", bytes_in(fd),
          PAGE);
    total += write_bytes(fd, PAGE);
    PRINT("A: NOT FULL: wakes up, %d bytes are written", PAGE);
    nap(2);
    PRINT("A: B's state: %c. Closes, after %d bytes in all", state_of(b),
          total);
    close(fd);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS of each nap (0.2)]");
    now(); /* time starts here, for both processes */

    int fds[2];
    check(pipe(fds), "pipe");
    pid_t a = getpid(), b = check(fork(), "fork");
    if (b == 0) {
        close(fds[1]); /* while B could write, it would see no end of file */
        run_reader(fds[0], a);
        return 0;
    }
    close(fds[0]);
    run_writer(fds[1], b);
    waitpid(b, NULL, 0);

    check(pipe(fds), "pipe");
    close(fds[0]);
    if (write(fds[1], "x", 1) < 0) /* begin_step() ignores SIGPIPE */
        PRINT("A: NO READER LEFT: write: %s", strerror(errno));
}
