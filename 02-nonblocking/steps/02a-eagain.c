/*
 * 02a-eagain: accept, recv and send, waiting and not, and what they return.
 *
 *     make 02a      or:  02-nonblocking/steps/02a-eagain [-s SECONDS (0.2)]
 *
 * SECONDS: then a signal ends a call that waits, or it would wait for ever.
 * Look at the accepted socket: its listener is O_NONBLOCK, and it is not
 * (Linux; on macOS and BSD it inherits that). Then at what EAGAIN is not: 0 is
 * the end of the file, and a reset has two other names.
 * The notes: 写一个非阻塞的socket, send 和 recv 异常的问题.
 *
 *     the listener: blocks
 *       accept, nobody there            -1 EINTR         200.1 ms
 *     the listener: O_NONBLOCK
 *       accept, nobody there            -1 EAGAIN          0.0 ms
 *       ...
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char bytes[64 * 1024];
static double second = 0.2;
static double began; /* the call at hand, in ms */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Make the call, tell what it returns and how long it took. */
#define TELL(what, call) (began = now(), tell(what, call))

static ssize_t tell(const char *what, ssize_t n)
{
    const char *name = n >= 0 ? "" : errno == EAGAIN ? "EAGAIN"
                     : errno == EINTR ? "EINTR" : errno == EPIPE ? "EPIPE"
                     : errno == ECONNRESET ? "ECONNRESET" : strerror(errno);
    printf("  %-28s %5zd %-10s %8.1f ms\n", what, n, name, now() - began);
    return n;
}

static void tell_flag(const char *what, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    printf("%s: %s\n", what, flags & O_NONBLOCK ? "O_NONBLOCK" : "blocks");
}

static void caught(int signal_number)
{
    (void)signal_number; /* and so the call that waits ends: EINTR */
}

/* Every so many seconds, from now on; one alone might come before the call. */
static void alarms_every(double seconds)
{
    struct timeval t = { .tv_sec = (time_t)seconds };
    t.tv_usec = (suseconds_t)((seconds - (double)t.tv_sec) * 1e6);
    setitimer(ITIMER_REAL, &(struct itimerval){ t, t }, NULL);
}

/* What was sent to fd needs its time, even on the way to ourselves. (poll()
   sleeps until it has come: lesson 04.) */
static int let_come(int fd)
{
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
}

static int connected_to(int listener)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        connect(fd, (struct sockaddr *)&address, size) < 0)
        err(1, "connect");
    let_come(listener);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    sigaction(SIGALRM, &(struct sigaction){ .sa_handler = caught }, NULL);
    signal(SIGPIPE, SIG_IGN); /* send() is to fail, not to end us */
    struct sockaddr_in any = { .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 ||
        listen(listener, 5) < 0)
        err(1, "bind and listen");

    tell_flag("the listener", listener);
    alarms_every(second);
    TELL("accept, nobody there", accept(listener, NULL, NULL));
    alarms_every(0);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    tell_flag("the listener", listener);
    TELL("accept, nobody there", accept(listener, NULL, NULL));
    int peer = connected_to(listener);
    int fd = (int)TELL("accept, a client there", accept(listener, NULL, NULL));

    tell_flag("what it accepted", fd);
    alarms_every(second);
    TELL("recv, nothing there", recv(fd, bytes, sizeof bytes, 0));
    alarms_every(0);
    TELL("recv, MSG_DONTWAIT", recv(fd, bytes, sizeof bytes, MSG_DONTWAIT));
    send(peer, "!", 1, 0);
    TELL("poll, a byte on its way", let_come(fd)); /* it still blocks */
    TELL("recv, a byte there", recv(fd, bytes, sizeof bytes, 0));
    int other = dup(fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    tell_flag("what it accepted", fd);
    tell_flag("its dup(), made before", other);
    close(other);
    TELL("recv, nothing there", recv(fd, bytes, sizeof bytes, 0));
    send(peer, "hello", 5, 0);
    let_come(fd);
    TELL("recv, hello there", recv(fd, bytes, sizeof bytes, 0));

    long sent = 0;
    do
        for (ssize_t n; (n = send(fd, bytes, sizeof bytes, 0)) > 0;)
            sent += n;
    while (poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 20) > 0);
    printf("its peer does not read: %ld bytes are on the way\n", sent);
    TELL("send, no room", send(fd, bytes, sizeof bytes, 0));
    close(peer); /* with bytes unread, so this sends a RST */
    let_come(fd);
    puts("its peer has closed, and left them unread");
    TELL("recv", recv(fd, bytes, sizeof bytes, 0));
    TELL("send", send(fd, bytes, sizeof bytes, 0));

    shutdown(connected_to(listener), SHUT_WR);
    fd = accept(listener, NULL, NULL);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    let_come(fd);
    puts("another, whose peer sends no more");
    TELL("recv", recv(fd, bytes, sizeof bytes, 0));
}
