/*
 * 04b-past-1024: 1,100 descriptors in one poll(), and what select() says.
 *
 *     make 04b          or:  04-poll/steps/04b-past-1024
 *
 * Only the last of them has something. Look at who sets the limit: of poll()
 * it is the number of files that we may open; of select() it is FD_SETSIZE,
 * the bits of an fd_set, whatever we may open. The set belongs to the C
 * library: Linux itself takes a longer row of bits.
 * The notes: (2)poll简介; Poll, which takes the limit away.
 *
 *     poll, 1100 fds, the highest is 1103   1 ready: fd 1103
 *     poll, only 1000 files allowed         -1: Invalid argument
 *     select, an fd_set: 128 bytes          refused: it ends at fd 1023
 *     select, two fd_sets in a row          1 ready: fd 1103
 */
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

enum { FDS = 1100, LONG_BITS = CHAR_BIT * sizeof(long) };

static void tell(const char *what, int n, int fd)
{
    if (n < 0)
        printf("%-37s %d: %s\n", what, n, strerror(errno));
    else
        printf("%-37s %d ready: fd %d\n", what, n, fd);
}

/* The first entry that has something. */
static int ready_in(const struct pollfd *array)
{
    for (int i = 0; i < FDS; i++)
        if (array[i].revents != 0)
            return array[i].fd;
    return -1;
}

/* FD_SET() does not ask: beyond FD_SETSIZE it writes into whatever lies behind
   the set (or the program is aborted, where the compiler guards it). */
static void select_refuses(const struct pollfd *array)
{
    fd_set set;
    char what[40];
    FD_ZERO(&set);
    snprintf(what, sizeof what, "select, an fd_set: %zu bytes", sizeof set);
    for (int i = 0; i < FDS; i++)
        if (array[i].fd < FD_SETSIZE)
            FD_SET(array[i].fd, &set);
        else {
            printf("%-37s refused: it ends at fd %d\n", what, FD_SETSIZE - 1);
            return;
        }
}

/* Our own row of bits, set by hand. Not portable: the manual forbids it. */
static void select_in_a_row(const struct pollfd *array, int highest)
{
    union {
        fd_set sets[2];
        unsigned long bits[2 * FD_SETSIZE / LONG_BITS];
    } row = { .bits = { 0 } };
    for (int i = 0; i < FDS; i++)
        row.bits[array[i].fd / LONG_BITS] |= 1ul << array[i].fd % LONG_BITS;
    int n = select(highest + 1, row.sets, NULL, NULL, &(struct timeval){ 0 });
    int fd = highest;
    while (fd >= 0 && !(row.bits[fd / LONG_BITS] & 1ul << fd % LONG_BITS))
        fd--;
    tell("select, two fd_sets in a row", n, fd);
}

int main(void)
{
    struct rlimit files;
    struct pollfd array[FDS];
    int quiet[2], other[2];
    char what[40];

    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < FDS + 10) {
        files.rlim_cur = FDS + 10;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
            warn("it takes %d open files: raise the hard limit", FDS + 10);
            return 77;
        }
    }
    if (pipe(quiet) < 0 || pipe(other) < 0 || write(other[1], "x", 1) != 1)
        err(1, "pipe");
    for (int i = 0; i < FDS; i++) {
        array[i].fd = dup(i < FDS - 1 ? quiet[0] : other[0]);
        array[i].events = POLLIN;
        if (array[i].fd < 0)
            err(1, "dup");
    }
    int highest = array[FDS - 1].fd;

    snprintf(what, sizeof what, "poll, %d fds, the highest is %d", FDS,
             highest);
    int n = poll(array, FDS, 0);
    tell(what, n, ready_in(array));

    files.rlim_cur = 1000; /* what is open stays so */
    setrlimit(RLIMIT_NOFILE, &files);
    tell("poll, only 1000 files allowed", poll(array, FDS, 0), -1);

    select_refuses(array);
#ifdef __linux__
    select_in_a_row(array, highest);
#endif
}
