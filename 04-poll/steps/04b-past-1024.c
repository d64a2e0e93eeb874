/*
 * 04b-past-1024: 1,100 fds in one poll(), and in one select().
 *
 *     make 04b      or:  04-poll/steps/04b-past-1024
 *
 * Question: FD_SETSIZE is 1,024. A program passes two fd_sets in a row, with
 * 2,048 bits, to select(). Does the kernel watch fd 1,100?
 * Look at what sets the limit: for poll() it is the number of files that the
 * process may open; for select() it is FD_SETSIZE, the number of bits in an
 * fd_set. But that belongs to the C library: Linux takes a longer row of bits.
 * The notes: (2)poll简介; Poll, which takes the limit away.
 *
 *     poll, 1100 fds, the highest is 1103   1 ready: fd 1103
 *     poll, only 1000 files allowed         -1: Invalid argument
 */
#include "step.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>

enum { FDS = 1100, SPARE = 100 };

static struct pollfd array[FDS]; /* the last fd is the highest one */

static void print_result(int n, int fd)
{
    if (n < 0)
        printf("%d: %s\n", n, strerror(errno));
    else
        printf("%d ready: fd %d\n", n, fd);
}

/* The process may open so many files. The files that are open stay open. */
static bool set_file_limit(rlim_t count)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = count;
    return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

/* Only the last fd is readable. */
static void fill_array(void)
{
    int empty[2], readable[2];
    open_pair(empty);
    open_pair(readable);
    write_text(readable[1], "x");
    for (int i = 0; i < FDS; i++) {
        array[i].fd = check(dup(i < FDS - 1 ? empty[0] : readable[0]), "dup");
        array[i].events = POLLIN;
    }
}

static void poll_all(void)
{
    int n = poll(array, FDS, 0), i = 0;
    while (i < FDS - 1 && array[i].revents == 0)
        i++;
    print_result(n, array[i].fd);
}

#ifdef __linux__
/* The bits of two fd_sets in a row: bit 0 of the second one is for fd 1024.
   POSIX forbids this, and only Linux takes it. */
static void select_two_sets(void)
{
    static fd_set sets[2]; /* all bits are 0 */
    for (int i = 0; i < FDS; i++)
        FD_SET(array[i].fd % FD_SETSIZE, &sets[array[i].fd / FD_SETSIZE]);
    int fd = array[FDS - 1].fd;
    int n = select(fd + 1, sets, NULL, NULL, &(struct timeval){ 0 });
    while (fd >= 0 && !FD_ISSET(fd % FD_SETSIZE, &sets[fd / FD_SETSIZE]))
        fd--;
    print_result(n, fd);
}
#endif

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    if (!set_file_limit(FDS + SPARE))
        err(77, "it takes %d open files: raise the hard limit", FDS + SPARE);
    fill_array();
    printf("poll, %d fds, the highest is %d   ", FDS, array[FDS - 1].fd);
    poll_all();
    set_file_limit(1000);
    printf("poll, only 1000 files allowed         ");
    poll_all();
    /* FD_SET() does not check its fd: from FD_SETSIZE on it writes into memory
       behind the set. (With _FORTIFY_SOURCE, glibc ends the program.) */
    if (array[FDS - 1].fd >= FD_SETSIZE)
        printf("select, an fd_set: %zu bytes          refused: it ends at fd "
               "%d\n", sizeof(fd_set), FD_SETSIZE - 1);
#ifdef __linux__
    printf("select, two fd_sets in a row          ");
    select_two_sets();
#endif
}
