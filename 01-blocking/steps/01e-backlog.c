/*
 * 01e-backlog: what listen(n) limits, and what it does not.
 *
 *     make 01e    or:  01-blocking/steps/01e-backlog
 *
 * Question: A server calls listen(fd, 1) and never accepts. Eight clients
 * connect. Is the last one connected, is it refused, or does it wait?
 * n does not limit the connections: it limits those that wait for accept().
 * Linux lets one more than n wait, and lowers n to net.core.somaxconn. Look at
 * a client that finds no room: the kernel does not refuse it, it keeps trying.
 * The notes: 5 实例:客户端发送数据 服务端将接收的数据返回给客户端.
 *
 *     8 connect, and nobody accepts
 *       listen(1):  2 connected, 6 still trying, 0 refused; accept one: 3
 *       ...
 */
#define _GNU_SOURCE /* musl has struct tcp_info only with it */
#include <netinet/tcp.h>
#include <poll.h>
#include "step.h"

enum { CLIENTS = 50, WAITING = 8 };

enum outcome { CONNECTED, TRYING, REFUSED, OUTCOMES };

/* Connect *FD to the listener. On loopback a connection is there at once, or
   not soon: 20 ms tell which. */
static enum outcome try_to_connect(int listener, int *fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    struct pollfd p = { .events = POLLOUT };
    getsockname(listener, (struct sockaddr *)&address, &size);
    *fd = p.fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    fcntl(p.fd, F_SETFL, O_NONBLOCK);
    if (connect(p.fd, (struct sockaddr *)&address, size) < 0 &&
        errno != EINPROGRESS)
        return REFUSED;
    if (poll(&p, 1, 20) != 1)
        return TRYING;
    return p.revents & POLLERR ? REFUSED : CONNECTED;
}

static void connect_clients(int backlog, int clients, bool accepted)
{
    int fds[2 * CLIENTS], n = 0; /* both ends of each connection */
    int count[OUTCOMES] = { 0 };
    int listener = listen_here(backlog);
    for (int i = 0; i < clients; i++) {
        count[try_to_connect(listener, &fds[n++])]++;
        if (accepted)
            fds[n++] = accept(listener, NULL, NULL);
    }
    printf("  listen(%d): %2d connected, %d still trying, %d refused", backlog,
           count[CONNECTED], count[TRYING], count[REFUSED]);
    if (!accepted) { /* make room for one more */
        fds[n++] = accept(listener, NULL, NULL);
        count[try_to_connect(listener, &fds[n++])]++;
        printf("; accept one: %d", count[CONNECTED]);
    }
    putchar('\n');
    while (n > 0)
        close(fds[--n]);
    close(listener);
}

/* On Linux, the TCP_INFO of a listener contains its backlog. */
static void print_limit(int backlog)
{
#ifdef __linux__
    struct tcp_info info;
    socklen_t length = sizeof info;
    int listener = listen_here(backlog);
    check(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length),
          "TCP_INFO");
    printf("  listen(%d): the kernel makes it %u\n", backlog,
           info.tcpi_sacked);
    close(listener);
#else
    (void)backlog;
#endif
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    printf("%d connect, and are accepted as they come\n", CLIENTS);
    connect_clients(1, CLIENTS, true);
    printf("%d connect, and nobody accepts\n", WAITING);
    connect_clients(0, WAITING, false);
    connect_clients(1, WAITING, false);
    connect_clients(5, WAITING, false);
    print_limit(100000);
}
