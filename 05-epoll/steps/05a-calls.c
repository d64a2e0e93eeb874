/*
 * 05a-calls: what epoll_ctl() takes and refuses, what epoll_wait() reports.
 *
 *     make 05a    or: 05-epoll/steps/05a-calls
 *
 * Question: epoll watches a TCP socket for all events, and its peer closes the
 * connection. Is HUP one of the events that epoll reports?
 * Look at the last table, which has two columns. epoll reports ERR and HUP
 * even where the program asks for nothing else. A client that has left is not
 * HUP: it is IN and RDHUP, the same as a client that has only shut down its
 * sending side. And with HUP there may be bytes left, so read first.
 * The notes: 1、内核EPOLL模型讲解, 3、一般步骤, 4、相关用法.
 *
 *     2 ADD the reading end, IN             0
 *     3 wait                                0 ready
 *     ADD a regular file                    EPERM: Operation not permitted
 *     another: its peer has closed          IN OUT RDHUP            -
 */
#include "step.h"
#include <poll.h>

static int epoll_fd;
static int in, out; /* the two ends of a pipe */

/* A line: what the program did, and the call's result. */
static void print_result(const char *what, ssize_t result)
{
    const char *name = errno == EEXIST ? "EEXIST" : errno == ENOENT ? "ENOENT"
                     : errno == EPERM ? "EPERM" : errno == EBADF ? "EBADF"
                     : errno == EINVAL ? "EINVAL"
                     : errno == ECONNRESET ? "ECONNRESET" : "another error";
    if (result < 0)
        printf("  %-36s  %s: %s\n", what, name, strerror(errno));
    else
        printf("  %-36s  %zd\n", what, result);
}

/* Call epoll_ctl() and print its result. epoll returns the data with each
   event: an fd or a pointer, as you like; here it is a name. */
static void control(const char *what, int change, int fd, uint32_t events)
{
    struct epoll_event event = {
        .events = events, .data.ptr = fd == in ? "read" : "write",
    };
    print_result(what, epoll_ctl(epoll_fd, change, fd, &event));
}

static const char *event_names(uint32_t events)
{
    static char names[64];
    snprintf(names, sizeof names, "%s%s%s%s%s%s",
             events & EPOLLIN ? " IN" : "", events & EPOLLPRI ? " PRI" : "",
             events & EPOLLOUT ? " OUT" : "",
             events & EPOLLRDHUP ? " RDHUP" : "",
             events & EPOLLERR ? " ERR" : "", events & EPOLLHUP ? " HUP" : "");
    return names[0] == ' ' ? names + 1 : "-";
}

/* Print the fds that are ready. With timeout 0 the call does not sleep. */
static void print_ready(const char *what)
{
    struct epoll_event ready[4];
    int n = check(epoll_wait(epoll_fd, ready, 4, 0), "epoll_wait");
    printf("  %-36s  %d ready", what, n);
    for (int i = 0; i < n; i++)
        printf(": %s: %s", (char *)ready[i].data.ptr,
               event_names(ready[i].events));
    puts("");
}

static void seven_steps(void)
{
    char byte;
    puts("The seven steps, on the two ends of a pipe");
    epoll_fd = open_epoll();
    print_result("1 epoll_create1(): this is its fd", epoll_fd);
    control("2 ADD the reading end, IN", EPOLL_CTL_ADD, in, EPOLLIN);
    print_ready("3 wait");
    print_result("  write() a byte", write(out, "x", 1));
    print_result("  poll() epoll's fd: it is readable",
                 poll(&(struct pollfd){ epoll_fd, POLLIN, 0 }, 1, 0));
    print_ready("3 wait");
    print_result("4 read() it", read(in, &byte, 1));
    control("5 ADD the other end, nothing", EPOLL_CTL_ADD, out, 0);
    print_ready("6 wait");
    control("5 MOD it, OUT", EPOLL_CTL_MOD, out, EPOLLOUT);
    print_ready("6 wait");
    control("5 DEL it, OUT: never mind the OUT", EPOLL_CTL_DEL, out, EPOLLOUT);
    print_ready("6 wait");
    print_result("  write(): DEL has closed nothing", write(out, "x", 1));
    print_result("7 close() epoll's fd", close(epoll_fd));
}

static void refusals(void)
{
    int file = check(open("/proc/self/exe", O_RDONLY), "/proc/self/exe");
    epoll_fd = open_epoll();
    puts("\nWhat it refuses");
    control("ADD the reading end", EPOLL_CTL_ADD, in, EPOLLIN);
    control("ADD it again", EPOLL_CTL_ADD, in, EPOLLIN);
    control("MOD one that is not in the list", EPOLL_CTL_MOD, out, 0);
    control("DEL one that is not in the list", EPOLL_CTL_DEL, out, 0);
    control("ADD a regular file", EPOLL_CTL_ADD, file, EPOLLIN);
    close(file);
    control("ADD a closed fd", EPOLL_CTL_ADD, file, EPOLLIN);
    control("ADD epoll's own fd", EPOLL_CTL_ADD, epoll_fd, EPOLLIN);
    print_result("epoll_create(0), the older call", epoll_create(0));
}

/* close() removes the fd from the list only if no dup of it is open. */
static void closed_but_open(void)
{
    puts("\nThe list has the open file, and the fd that it had at ADD");
    int copy = dup(in);
    print_result("close() it; a dup of it is open", close(in));
    print_ready("wait");
    control("DEL it, by its number", EPOLL_CTL_DEL, in, 0);
    control("DEL it, by the dup's number", EPOLL_CTL_DEL, copy, 0);
    print_result("close() the dup", close(copy));
    print_ready("wait");
}

/* What epoll reports of this fd when asked for all events, and when asked for
   HUP alone. */
static void print_events(const char *what, int fd)
{
    static const uint32_t all = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP;
    sleep_ms(10); /* bytes and a RST need a moment to arrive */
    printf("  %-36s", what);
    for (int i = 0; i < 2; i++) {
        struct epoll_event event = { 0 };
        int fresh = open_epoll_for(fd, i == 0 ? all : EPOLLHUP);
        check(epoll_wait(fresh, &event, 1, 0), "epoll_wait");
        printf(i == 0 ? "  %-22s" : "  %s\n", event_names(event.events));
        close(fresh);
    }
}

static void events_of_a_socket(void)
{
    int ours, peer;
    char bytes[8];
    printf("\n%-38s  %-22s  for HUP\n", "What a TCP socket reports, asked ...",
           "for all");
    connect_pair(&ours, &peer);
    print_events("nothing has happened", ours);
    send(peer, "hi", 2, 0);
    print_events("2 bytes have come", ours);
    send(peer, "!", 1, MSG_OOB);
    print_events("an urgent byte has come, too", ours);
    recv(ours, bytes, 1, MSG_OOB);
    recv(ours, bytes, sizeof bytes, 0);
    shutdown(peer, SHUT_WR);
    print_events("its peer sends no more (half-close)", ours);
    shutdown(ours, SHUT_WR);
    print_events("... and we send no more either", ours);

    connect_pair(&ours, &peer);
    close(peer);
    print_events("another: its peer has closed", ours);

    connect_pair(&ours, &peer);
    send(peer, "bye", 3, 0);
    sleep_ms(10);
    close_with_reset(peer);
    print_events("another: 3 bytes came, then a RST", ours);
    print_result("  recv()", recv(ours, bytes, sizeof bytes, 0));
    print_result("  recv() again", recv(ours, bytes, sizeof bytes, 0));
}

int main(int argc, char **argv)
{
    int ends[2];
    begin_step(argc, argv, "", "(no options)");
    check(pipe(ends), "pipe");
    in = ends[0];
    out = ends[1];
    seven_steps();
    refusals();
    closed_but_open();
    events_of_a_socket();
}
