/*
 * 05a-calls: what epoll_ctl() takes and refuses, what epoll_wait() reports.
 *
 *     make 05a    or: 05-epoll/steps/05a-calls
 *
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

/* epoll returns data with each event: an fd or a pointer, as you like. */
static int control(int change, int fd, uint32_t events, const char *name)
{
    struct epoll_event event = { .events = events, .data.ptr = (char *)name };
    return epoll_ctl(epoll_fd, change, fd, &event);
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
    int n = epoll_wait(epoll_fd, ready, 4, 0);
    if (n < 0)
        err(1, "epoll_wait");
    printf("  %-36s  %d ready", what, n);
    for (int i = 0; i < n; i++)
        printf(": %s: %s", (char *)ready[i].data.ptr,
               event_names(ready[i].events));
    puts("");
}

static void seven_steps(int in, int out)
{
    char byte;
    puts("The seven steps, on the two ends of a pipe");
    epoll_fd = open_epoll();
    print_result("1 epoll_create1(): this is its fd", epoll_fd);
    print_result("2 ADD the reading end, IN",
                 control(EPOLL_CTL_ADD, in, EPOLLIN, "read"));
    print_ready("3 wait");
    print_result("  write() a byte", write(out, "x", 1));
    print_result("  poll() epoll's fd: it is readable",
                 poll(&(struct pollfd){ epoll_fd, POLLIN, 0 }, 1, 0));
    print_ready("3 wait");
    print_result("4 read() it", read(in, &byte, 1));
    print_result("5 ADD the other end, nothing",
                 control(EPOLL_CTL_ADD, out, 0, "write"));
    print_ready("6 wait");
    print_result("5 MOD it, OUT",
                 control(EPOLL_CTL_MOD, out, EPOLLOUT, "write"));
    print_ready("6 wait");
    print_result("5 DEL it, OUT: never mind the OUT",
                 control(EPOLL_CTL_DEL, out, EPOLLOUT, "write"));
    print_ready("6 wait");
    print_result("  write(): DEL has closed nothing", write(out, "x", 1));
    print_result("7 close() epoll's fd", close(epoll_fd));
}

static void refusals(int in, int out)
{
    int file = open("/proc/self/exe", O_RDONLY);
    if (file < 0)
        err(1, "open /proc/self/exe");
    epoll_fd = open_epoll();
    puts("\nWhat it refuses");
    print_result("ADD the reading end",
                 control(EPOLL_CTL_ADD, in, EPOLLIN, "read"));
    print_result("ADD it again", control(EPOLL_CTL_ADD, in, EPOLLIN, "read"));
    print_result("MOD one that is not in the list",
                 control(EPOLL_CTL_MOD, out, 0, ""));
    print_result("DEL one that is not in the list",
                 control(EPOLL_CTL_DEL, out, 0, ""));
    print_result("ADD a regular file",
                 control(EPOLL_CTL_ADD, file, EPOLLIN, "file"));
    close(file);
    print_result("ADD a closed fd",
                 control(EPOLL_CTL_ADD, file, EPOLLIN, "file"));
    print_result("ADD epoll's own fd",
                 control(EPOLL_CTL_ADD, epoll_fd, EPOLLIN, "own"));
    print_result("epoll_create(0), the older call", epoll_create(0));
}

/* close() removes the fd from the list only if no dup of it is open. */
static void closed_but_open(int in)
{
    puts("\nThe list has the open file, and the fd that it had at ADD");
    int copy = dup(in);
    print_result("close() it; a dup of it is open", close(in));
    print_ready("wait");
    print_result("DEL it, by its number", control(EPOLL_CTL_DEL, in, 0, ""));
    print_result("DEL it, by the dup's number",
                 control(EPOLL_CTL_DEL, copy, 0, ""));
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
        struct epoll_event event;
        int fresh = open_epoll();
        if (!watch_fd(fresh, EPOLL_CTL_ADD, fd, i == 0 ? all : EPOLLHUP))
            err(1, "epoll_ctl");
        bool ready = epoll_wait(fresh, &event, 1, 0) == 1;
        printf(i == 0 ? "  %-22s" : "  %s\n",
               event_names(ready ? event.events : 0));
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
    if (pipe(ends) < 0)
        err(1, "pipe");
    seven_steps(ends[0], ends[1]);
    refusals(ends[0], ends[1]);
    closed_but_open(ends[0]);
    events_of_a_socket();
}
