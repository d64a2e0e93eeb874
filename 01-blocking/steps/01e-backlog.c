/*
 * 01e-backlog: what listen(n) limits and what it does not, and SO_REUSEADDR.
 *
 *     make 01e            or:  01-blocking/steps/01e-backlog
 *
 * n is no maximum of connections: it counts those that nobody has accepted
 * yet. Linux lets in one more than n, and lowers n to net.core.somaxconn. Who
 * finds no room is not refused, but goes on trying. SO_REUSEADDR lets a server
 * bind a port where its predecessor's connections are in TIME_WAIT, on Linux
 * if both have set it; it does not let two listen at the same port.
 * The notes: 5 实例:客户端发送数据 服务端将接收的数据返回给客户端.
 *
 *     50 connect, and are accepted as they come
 *       listen(1): 50 connected, 0 still trying, 0 refused
 *     8 connect, and nobody accepts
 *       listen(0):  1 connected, 7 still trying, 0 refused; accept one: 2
 *       listen(1):  2 connected, 6 still trying, 0 refused; accept one: 3
 *       listen(5):  6 connected, 2 still trying, 0 refused; accept one: 7
 *       listen(100000): the kernel makes it 4096
 *     a port with a connection in TIME_WAIT: can the next server bind?
 *       SO_REUSEADDR set by none of them:   Address already in use
 *       ... by the next one only:           Address already in use
 *       ... by the first one only:          Address already in use
 *       ... by both:                        ok
 *       ... by both, but the first listens: Address already in use
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 50, WAITING = 8 };

static struct sockaddr_in address; /* of the newest listener */
static socklen_t size = sizeof address;

/* A listener on 127.0.0.1, at any free port: address. */
static int listener_with(int backlog, int reuse)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
        listen(fd, backlog) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        err(1, "bind and listen");
    return fd;
}

/* Connect to address, without waiting for long: 1 connected, 0 still trying
   (on loopback it is done at once, or not soon), -1 refused. */
static int try_to_connect(int *fd)
{
    struct pollfd p = { .events = POLLOUT };
    *fd = p.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p.fd < 0 || fcntl(p.fd, F_SETFL, O_NONBLOCK) < 0)
        err(1, "socket");
    if (connect(p.fd, (struct sockaddr *)&address, size) < 0 &&
        errno != EINPROGRESS)
        return -1;
    return poll(&p, 1, 20) == 1 ? p.revents & POLLERR ? -1 : 1 : 0;
}

static void crowd(int backlog, int clients, bool accepted)
{
    int listener = listener_with(backlog, 1), fds[2 * CLIENTS], n = 0;
    int answers[3] = { 0 }, *count = answers + 1; /* count[-1] to [1] */
    for (int i = 0; i < clients; i++) {
        count[try_to_connect(&fds[n++])]++;
        if (accepted)
            fds[n++] = accept(listener, NULL, NULL);
    }
    printf("  listen(%d): %2d connected, %d still trying, %d refused", backlog,
           count[1], count[0], count[-1]);
    if (!accepted) {
        fds[n++] = accept(listener, NULL, NULL);
        count[try_to_connect(&fds[n++])]++;
        printf("; accept one: %d", count[1]);
    }
    putchar('\n');
    while (n > 0)
        close(fds[--n]);
    close(listener);
}

/* Serve one connection, closing it first, and let the next server bind. */
static void restart(const char *what, int first, int next, bool stays)
{
    int listener = listener_with(1, first), client;
    if (try_to_connect(&client) != 1)
        errx(1, "cannot connect to 127.0.0.1:%d", ntohs(address.sin_port));
    close(accept(listener, NULL, NULL)); /* who closes first: TIME_WAIT */
    close(client);
    if (!stays)
        close(listener);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &next, sizeof next);
    bool ok = bind(fd, (struct sockaddr *)&address, size) == 0;
    printf("  %-36s%s\n", what, ok ? "ok" : strerror(errno));
    close(fd);
    if (stays)
        close(listener);
}

/* On Linux, TCP_INFO of a listener tells of its backlog. */
static void tell_limit(int backlog)
{
#ifdef __linux__
    struct tcp_info info;
    socklen_t length = sizeof info;
    int listener = listener_with(backlog, 1);
    if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length) == 0)
        printf("  listen(%d): the kernel makes it %u\n", backlog,
               info.tcpi_sacked);
    close(listener);
#else
    (void)backlog;
#endif
}

int main(void)
{
    printf("%d connect, and are accepted as they come\n", CLIENTS);
    crowd(1, CLIENTS, true);
    printf("%d connect, and nobody accepts\n", WAITING);
    crowd(0, WAITING, false);
    crowd(1, WAITING, false);
    crowd(5, WAITING, false);
    tell_limit(100000);
    puts("a port with a connection in TIME_WAIT: can the next server bind?");
    restart("SO_REUSEADDR set by none of them:", 0, 0, false);
    restart("... by the next one only:", 0, 1, false);
    restart("... by the first one only:", 1, 0, false);
    restart("... by both:", 1, 1, false);
    restart("... by both, but the first listens:", 1, 1, true);
}
