/*
 * 02a-eagain: accept, recv and send, blocking and not, and what they return.
 *
 *     make 02a      or:  02-nonblocking/steps/02a-eagain [-s SECONDS (0.2)]
 *
 * Question: A listener is O_NONBLOCK, and it accepts a client. Does recv() on
 * the client's socket block?
 * After SECONDS a signal interrupts a call that blocks. Look at the accepted
 * socket: its listener is O_NONBLOCK, but it blocks (on Linux; on macOS and
 * BSD it inherits the flag). Then look at what EAGAIN is not: 0 is the end of
 * the file, and after a reset recv() and send() fail with two other errors.
 * The notes: 写一个非阻塞的socket, send 和 recv 异常的问题.
 *
 *       accept, no client               -1 EINTR         200.1 ms
 *     the listener: O_NONBLOCK
 *       accept, no client               -1 EAGAIN          0.0 ms
 *       ...
 */
#include <poll.h>
#include <sys/time.h>
#include "step.h"

static char bytes[64 * 1024];
static double called_at; /* ms */

/* Make the call; print what it returns, and how long it took. */
#define PRINT(what, call) (called_at = now_ms(), print_result(what, call))

/* The same for a call that blocks, until a signal interrupts it. */
#define PRINT_BLOCKING(what, call) \
    (alarm_every(step.second), PRINT(what, call), alarm_every(0))

static ssize_t print_result(const char *what, ssize_t n)
{
    const char *name = n >= 0 ? "" : errno == EAGAIN ? "EAGAIN"
                     : errno == EINTR ? "EINTR" : errno == EPIPE ? "EPIPE"
                     : errno == ECONNRESET ? "ECONNRESET" : strerror(errno);
    printf("  %-28s %5zd %-10s %8.1f ms\n", what, n, name,
           now_ms() - called_at);
    return n;
}

static void print_flag(const char *what, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    printf("%s: %s\n", what, flags & O_NONBLOCK ? "O_NONBLOCK" : "blocks");
}

static void on_alarm(int signal_number)
{
    (void)signal_number; /* the call that waits fails with EINTR */
}

/* SIGALRM every so many seconds; a single one might come before the call. */
static void alarm_every(double seconds)
{
    struct timeval t = { .tv_sec = (time_t)seconds };
    t.tv_usec = (suseconds_t)((seconds - (double)t.tv_sec) * 1e6);
    setitimer(ITIMER_REAL, &(struct itimerval){ t, t }, NULL);
}

/* Sleep until fd is readable: also on loopback, bytes need some time. (poll():
   lesson 04.) */
static int wait_readable(int fd)
{
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
}

static void try_listener(int listener)
{
    print_flag("the listener", listener);
    PRINT_BLOCKING("accept, no client", accept(listener, NULL, NULL));
    fcntl(listener, F_SETFL, O_NONBLOCK);
    print_flag("the listener", listener);
    PRINT("accept, no client", accept(listener, NULL, NULL));
}

/* FD: from a listener that does not block. PEER: the other end. */
static void try_recv(int fd, int peer)
{
    print_flag("the accepted socket", fd);
    PRINT_BLOCKING("recv, no bytes", recv(fd, bytes, sizeof bytes, 0));
    PRINT("recv, MSG_DONTWAIT", recv(fd, bytes, sizeof bytes, MSG_DONTWAIT));
    send(peer, "!", 1, 0);
    PRINT("poll, a byte on its way", wait_readable(fd)); /* fd still blocks */
    PRINT("recv, a byte there", recv(fd, bytes, sizeof bytes, 0));

    int other = dup(fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    print_flag("the accepted socket", fd);
    print_flag("its dup(), made before", other);
    close(other);
    PRINT("recv, no bytes", recv(fd, bytes, sizeof bytes, 0));
    send(peer, "hello", 5, 0);
    wait_readable(fd);
    PRINT("recv, hello there", recv(fd, bytes, sizeof bytes, 0));
}

/* FD does not block now. */
static void try_send(int fd, int peer)
{
    long sent = 0;
    do
        for (ssize_t n; (n = send(fd, bytes, sizeof bytes, 0)) > 0;)
            sent += n;
    while (poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 20) > 0);
    printf("its peer does not read: the kernel holds %ld bytes\n", sent);
    PRINT("send, no room", send(fd, bytes, sizeof bytes, 0));
    close(peer); /* with bytes unread: the kernel sends a RST */
    wait_readable(fd);
    puts("its peer has closed, and left them unread");
    PRINT("recv", recv(fd, bytes, sizeof bytes, 0));
    PRINT("send", send(fd, bytes, sizeof bytes, 0));
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
    int listener = listen_here(5);
    try_listener(listener);

    int peer = connect_here(listener);
    wait_readable(listener);
    int fd = (int)PRINT("accept, a client", accept(listener, NULL, NULL));
    try_recv(fd, peer);
    try_send(fd, peer);

    shutdown(connect_here(listener), SHUT_WR);
    wait_readable(listener);
    fd = accept(listener, NULL, NULL);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    wait_readable(fd);
    puts("another socket, whose peer has shut down its sending side");
    PRINT("recv", recv(fd, bytes, sizeof bytes, 0));
}
