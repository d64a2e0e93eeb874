/*
 * 04a-call: what a program asks poll(), and what poll() answers.
 *
 *     make 04a      or:  04-poll/steps/04a-call
 *
 * Question: A program watches a socket with events = 0. The peer resets the
 * connection. Does poll() report anything?
 * Look at the first table: poll() writes revents and nothing else, so the
 * program can pass the same array again. Then look at the second one: poll()
 * reports HUP, ERR and NVAL even where events is 0. Whether an fd blocks makes
 * no difference to poll(): in the first table no fd is O_NONBLOCK.
 * The notes: (2)poll简介, which has no listing.
 *
 *     one array, three entries              n  IN      -1      IN OUT
 *       nothing has come                    1  -       -       OUT
 *       ...
 *     one fd                                asked for all         for nothing
 *       a socket, not connected             OUT HUP               HUP
 *       ...
 */
#define _GNU_SOURCE /* POLLRDHUP, in glibc */
#include "step.h"
#include <poll.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* Linux: the peer has shut down its sending side */
#endif

/* The names of the bits. A result stays valid for the next two calls. */
static const char *event_names(int bits)
{
    static const struct { int bit; const char *name; } known[] = {
        { POLLIN, " IN" }, { POLLPRI, " PRI" }, { POLLOUT, " OUT" },
        { POLLRDHUP, " RDHUP" }, { POLLERR, " ERR" }, { POLLHUP, " HUP" },
        { POLLNVAL, " NVAL" },
    };
    static char results[3][64];
    static int next;
    char *names = results[next++ % 3];
    strcpy(names, bits == 0 ? " -" : "");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (bits & known[i].bit)
            strcat(names, known[i].name);
    return names + 1;
}

/* Poll the three entries and print the results. Timeout 0: do not sleep. */
static void poll_array(const char *what, struct pollfd *array)
{
    int n = poll(array, 3, 0);
    printf("  %-35s %d  %-8s%-8s%s\n", what, n, event_names(array[0].revents),
           event_names(array[1].revents), event_names(array[2].revents));
}

/* The program writes fd and events, poll() writes revents. */
static void use_array_again(void)
{
    int one[2], two[2];
    char bytes[3];
    open_pair(one);
    open_pair(two);
    struct pollfd array[3] = {
        { .fd = one[0], .events = POLLIN },
        { .fd = -1, .events = POLLIN }, /* poll() skips it */
        { .fd = two[0], .events = POLLIN | POLLOUT },
    };
    puts("one array, three entries              n  IN      -1      IN OUT");
    poll_array("nothing has come", array);
    write_text(one[1], "abc");
    write_text(two[1], "abc");
    poll_array("... 3 bytes for each", array);
    poll_array("... asked again, array as it is", array);
    check(read(one[0], bytes, sizeof bytes), "read");
    poll_array("... the first has read them", array);
    array[2].fd = ~array[2].fd; /* negative: poll() skips it */
    poll_array("... the third is turned off", array);
    array[2].fd = ~array[2].fd; /* the same fd as before */
    poll_array("... and on again", array);
}

/* Ask for all events of one fd, then for none, and print both results. */
static void poll_fd(const char *what, int fd)
{
    struct pollfd all = { .fd = fd,
                          .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP };
    struct pollfd none = { .fd = fd };
    sleep_ms(5); /* bytes and a RST need a moment to arrive */
    poll(&all, 1, 0);
    poll(&none, 1, 0);
    printf("  %-35s %-22s%s\n", what, event_names(all.revents),
           event_names(none.revents));
}

/* Send until the kernel has no room for 20 ms. */
static void fill(int fd)
{
    static char bytes[64 * 1024];
    struct pollfd writable = { .fd = fd, .events = POLLOUT };
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (poll(&writable, 1, 20) > 0)
        while (send(fd, bytes, sizeof bytes, 0) > 0)
            continue;
}

static void poll_sockets(void)
{
    char byte;
    poll_fd("a socket, not connected", socket(AF_INET, SOCK_STREAM, 0));
    int listener = listen_here(1);
    poll_fd("a listener, no client has come", listener);
    int peer = connect_here(listener);
    poll_fd("... a client has come", listener);
    int fd = accept(listener, NULL, NULL);
    poll_fd("its client, nothing has come", fd);
    write_text(peer, "hi");
    poll_fd("... 2 bytes have come", fd);
    send(peer, "!", 1, MSG_OOB);
    poll_fd("... and an urgent byte", fd);
    recv(fd, &byte, 1, MSG_OOB);
    fill(fd);
    poll_fd("... no room to send", fd);
    shutdown(peer, SHUT_WR);
    poll_fd("... it sends no more (half-close)", fd);
    shutdown(fd, SHUT_WR);
    poll_fd("... we send no more either", fd);

    connect_pair(&fd, &peer);
    close_with_reset(peer);
    poll_fd("another client, a RST", fd);
    close(fd);
    poll_fd("... closed by ourselves", fd);
}

static void poll_pipes_and_a_file(void)
{
    int ends[2];
    check(pipe(ends), "pipe");
    close(ends[1]);
    poll_fd("a pipe that nobody writes to", ends[0]);
    check(pipe(ends), "pipe");
    close(ends[0]);
    poll_fd("a pipe that nobody reads from", ends[1]);
    poll_fd("a regular file, always", open("/etc/passwd", O_RDONLY));
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    use_array_again();
    puts("one fd                                asked for all         "
         "for nothing");
    poll_sockets();
    poll_pipes_and_a_file();
}
