/*
 * 05a-calls: what epoll is told, what it refuses, and what it reports.
 *
 *     make 05a    or: 05-epoll/steps/05a-calls
 *
 * Look at the two columns of the events: ERR and HUP come unasked, and HUP is
 * not "the client has left": that is IN and RDHUP, and the same for one who
 * only sends no more. With HUP there may be bytes to read, so read first.
 * The notes: 1、内核EPOLL模型讲解, 3、一般步骤, 4、相关用法.
 *
 *     2 ADD the reading end, IN             0
 *     3 wait                                0 ready
 *     ADD a regular file                    EPERM: Operation not permitted
 *     another: its peer has closed          IN OUT RDHUP            -
 */
#ifndef __linux__
#error "05-epoll needs Linux; the lessons before it work on other systems too"
#endif
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int epoll_fd;

/* A line: what was done, and the call's result. */
static void tell(const char *what, ssize_t result)
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

/* What is in data comes back with each event: an fd, a pointer, our choice. */
static int ctl(int change, int fd, uint32_t events, const char *name)
{
    struct epoll_event event = { .events = events, .data.ptr = (char *)name };
    return epoll_ctl(epoll_fd, change, fd, &event);
}

static const char *words(uint32_t events)
{
    static char text[64];
    snprintf(text, sizeof text, "%s%s%s%s%s%s",
             events & EPOLLIN ? " IN" : "", events & EPOLLPRI ? " PRI" : "",
             events & EPOLLOUT ? " OUT" : "",
             events & EPOLLRDHUP ? " RDHUP" : "",
             events & EPOLLERR ? " ERR" : "", events & EPOLLHUP ? " HUP" : "");
    return text[0] == ' ' ? text + 1 : "-";
}

/* Who is ready now? A timeout of 0 does not wait. */
static void look(const char *what)
{
    struct epoll_event ready[4];
    int n = epoll_wait(epoll_fd, ready, 4, 0);
    if (n < 0)
        err(1, "epoll_wait");
    printf("  %-36s  %d ready", what, n);
    for (int i = 0; i < n; i++)
        printf(": %s: %s", (char *)ready[i].data.ptr, words(ready[i].events));
    puts("");
}

static void seven_steps(int in, int out)
{
    char byte;
    puts("The seven steps, on the two ends of a pipe");
    tell("1 epoll_create1(): this is its fd", epoll_fd = epoll_create1(0));
    tell("2 ADD the reading end, IN", ctl(EPOLL_CTL_ADD, in, EPOLLIN, "read"));
    look("3 wait");
    tell("  write() a byte", write(out, "x", 1));
    tell("  poll() epoll's fd: it is readable",
         poll(&(struct pollfd){ epoll_fd, POLLIN, 0 }, 1, 0));
    look("3 wait");
    tell("4 read() it", read(in, &byte, 1));
    tell("5 ADD the other end, nothing", ctl(EPOLL_CTL_ADD, out, 0, "write"));
    look("6 wait");
    tell("5 MOD it, OUT", ctl(EPOLL_CTL_MOD, out, EPOLLOUT, "write"));
    look("6 wait");
    tell("5 DEL it, OUT: never mind the OUT",
         ctl(EPOLL_CTL_DEL, out, EPOLLOUT, "write"));
    look("6 wait");
    tell("  write(): DEL has closed nothing", write(out, "x", 1));
    tell("7 close() epoll's fd", close(epoll_fd));
}

static void refusals(int in, int out)
{
    int file = open("/proc/self/exe", O_RDONLY);
    if (file < 0 || (epoll_fd = epoll_create1(0)) < 0)
        err(1, "open /proc/self/exe, epoll_create1");
    puts("\nWhat it refuses");
    tell("ADD the reading end", ctl(EPOLL_CTL_ADD, in, EPOLLIN, "read"));
    tell("ADD it again", ctl(EPOLL_CTL_ADD, in, EPOLLIN, "read"));
    tell("MOD one that is not in the list", ctl(EPOLL_CTL_MOD, out, 0, ""));
    tell("DEL one that is not in the list", ctl(EPOLL_CTL_DEL, out, 0, ""));
    tell("ADD a regular file", ctl(EPOLL_CTL_ADD, file, EPOLLIN, "file"));
    close(file);
    tell("ADD a closed fd", ctl(EPOLL_CTL_ADD, file, EPOLLIN, "file"));
    tell("ADD epoll's own fd", ctl(EPOLL_CTL_ADD, epoll_fd, EPOLLIN, "own"));
    tell("epoll_create(0), the older call", epoll_create(0));
}

/* close() takes the fd off the list, when no dup holds its open file. */
static void ghost(int in)
{
    puts("\nWhat is in the list is an open file, by the number it had then");
    int copy = dup(in);
    tell("close() it; a dup of it is open", close(in));
    look("wait");
    tell("DEL it, by its number", ctl(EPOLL_CTL_DEL, in, 0, ""));
    tell("DEL it, by the dup's number", ctl(EPOLL_CTL_DEL, copy, 0, ""));
    tell("close() the dup", close(copy));
    look("wait");
}

/* What this fd reports to one who asks for all, and to one who does not. */
static void events(const char *what, int fd)
{
    static const uint32_t all = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP;
    usleep(10000); /* what was sent may still be on its way */
    printf("  %-36s", what);
    for (int i = 0; i < 2; i++) {
        struct epoll_event event = { .events = i == 0 ? all : EPOLLHUP };
        int fresh = epoll_create1(0);
        if (fresh < 0 || epoll_ctl(fresh, EPOLL_CTL_ADD, fd, &event) < 0)
            err(1, "epoll");
        bool ready = epoll_wait(fresh, &event, 1, 0) == 1;
        printf(i == 0 ? "  %-22s" : "  %s\n", words(ready ? event.events : 0));
        close(fresh);
    }
}

/* The two ends of a new TCP connection. */
static void connect_pair(int *ours, int *peer)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *peer = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        connect(*peer, (struct sockaddr *)&address, size) < 0 ||
        (*ours = accept(listener, NULL, NULL)) < 0)
        err(1, "a TCP connection");
    close(listener);
}

int main(void)
{
    int ends[2], ours, peer;
    char bytes[8];
    if (pipe(ends) < 0)
        err(1, "pipe");
    seven_steps(ends[0], ends[1]);
    refusals(ends[0], ends[1]);
    ghost(ends[0]);

    printf("\n%-38s  %-22s  for HUP\n", "What a TCP socket reports, asked ...",
           "for all");
    connect_pair(&ours, &peer);
    events("nothing has happened", ours);
    send(peer, "hi", 2, 0);
    events("2 bytes have come", ours);
    send(peer, "!", 1, MSG_OOB);
    events("an urgent byte has come, too", ours);
    recv(ours, bytes, 1, MSG_OOB);
    recv(ours, bytes, sizeof bytes, 0);
    shutdown(peer, SHUT_WR);
    events("its peer sends no more (half-close)", ours);
    shutdown(ours, SHUT_WR);
    events("... and we send no more either", ours);

    connect_pair(&ours, &peer);
    close(peer);
    events("another: its peer has closed", ours);

    connect_pair(&ours, &peer);
    send(peer, "bye", 3, 0);
    usleep(10000);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
               sizeof(struct linger)); /* now close() sends a RST */
    close(peer);
    events("another: 3 bytes came, then a RST", ours);
    tell("  recv()", recv(ours, bytes, sizeof bytes, 0));
    tell("  recv() again", recv(ours, bytes, sizeof bytes, 0));
}
