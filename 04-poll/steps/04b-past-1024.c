/*
 * 04b-past-1024: 1,100 fds in one poll(), and in one select().
 *
 *     make 04b          or:  04-poll/steps/04b-past-1024
 *
 * Only the last of them is readable. Look at what sets the limit: for poll()
 * it is the number of files that the process may open; for select() it is
 * FD_SETSIZE, the number of bits in an fd_set. The fd_set belongs to the C
 * library: the Linux kernel takes a longer row of bits.
 * The notes: (2)poll简介; Poll, which takes the limit away.
 *
 *     poll, 1100 fds, the highest is 1103   1 ready: fd 1103
 *     poll, only 1000 files allowed         -1: Invalid argument
 *     select, an fd_set: 128 bytes          refused: it ends at fd 1023
 *     select, two fd_sets in a row          1 ready: fd 1103
 */
#include "step.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>

enum { FDS = 1100, SPARE = 100, LONG_BITS = CHAR_BIT * sizeof(long) };

static struct pollfd array[FDS];
static int highest_fd;

static void print_result(const char *what, int n, int fd)
{
    if (n < 0)
        printf("%-37s %d: %s\n", what, n, strerror(errno));
    else
        printf("%-37s %d ready: fd %d\n", what, n, fd);
}

/* The process may open so many files. The files that are open stay open. */
static bool set_file_limit(rlim_t count)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = count;
    return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

/* Fill the array. Only its last fd is readable. */
static void open_fds(void)
{
    int empty[2], readable[2];
    if (pipe(empty) < 0 || pipe(readable) < 0)
        err(1, "pipe");
    write_text(readable[1], "x");
    for (int i = 0; i < FDS; i++) {
        array[i].fd = dup(i < FDS - 1 ? empty[0] : readable[0]);
        array[i].events = POLLIN;
        if (array[i].fd < 0)
            err(1, "dup");
    }
    highest_fd = array[FDS - 1].fd;
}

static void poll_all(const char *what)
{
    int n = poll(array, FDS, 0);
    int i = 0;
    while (i < FDS - 1 && array[i].revents == 0)
        i++;
    print_result(what, n, array[i].fd);
}

/* FD_SET() does not check its fd: from FD_SETSIZE on it writes into memory
   behind the set. (With _FORTIFY_SOURCE, glibc ends the program.) */
static void fill_an_fd_set(void)
{
    fd_set set;
    char what[40];
    FD_ZERO(&set);
    snprintf(what, sizeof what, "select, an fd_set: %zu bytes", sizeof set);
    for (int i = 0; i < FDS; i++) {
        if (array[i].fd >= FD_SETSIZE) {
            printf("%-37s refused: it ends at fd %d\n", what, FD_SETSIZE - 1);
            return;
        }
        FD_SET(array[i].fd, &set);
    }
}

/* Set the bits by hand, in the memory of two fd_sets. POSIX forbids this, and
   only Linux takes it. */
static void select_two_sets(void)
{
    union {
        fd_set sets[2];
        unsigned long bits[2 * FD_SETSIZE / LONG_BITS];
    } row = { .bits = { 0 } };
    for (int i = 0; i < FDS; i++)
        row.bits[array[i].fd / LONG_BITS] |= 1ul << array[i].fd % LONG_BITS;
    int n = select(highest_fd + 1, row.sets, NULL, NULL,
                   &(struct timeval){ 0 });
    int fd = highest_fd;
    while (fd >= 0 && !(row.bits[fd / LONG_BITS] & 1ul << fd % LONG_BITS))
        fd--;
    print_result("select, two fd_sets in a row", n, fd);
}

int main(int argc, char **argv)
{
    char what[50];
    begin_step(argc, argv, "", "(no options)");
    if (!set_file_limit(FDS + SPARE)) {
        warn("it takes %d open files: raise the hard limit", FDS + SPARE);
        return 77;
    }
    open_fds();
    snprintf(what, sizeof what, "poll, %d fds, the highest is %d", FDS,
             highest_fd);
    poll_all(what);
    set_file_limit(1000);
    poll_all("poll, only 1000 files allowed");
    fill_an_fd_set();
#ifdef __linux__
    select_two_sets();
#endif
}
