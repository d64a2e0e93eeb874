/*
 * 01i-reuse: when a server ends, can the next one bind the same port?
 *
 *     make 01i    or:  01-blocking/steps/01i-reuse
 *
 * Question: An old server's connection is in TIME_WAIT. Only the new server
 * sets SO_REUSEADDR. Can it bind the same port?
 * The side that closes a connection first keeps it in TIME_WAIT for a minute.
 * SO_REUSEADDR lets a server bind the port although connections of an earlier
 * server are in TIME_WAIT there; on Linux, if both servers set it. It never
 * lets two servers listen at one port: look at the last two lines. That takes
 * SO_REUSEPORT, and then the kernel divides the clients between them.
 * The notes: 5 实例:客户端发送数据 服务端将接收的数据返回给客户端.
 *
 *     a port with a connection in TIME_WAIT: can the next server bind?
 *       SO_REUSEADDR set by neither of them: Address already in use
 *       ...
 *       ... by both:                         ok
 *       ... by both, but the first listens:  Address already in use
 *       SO_REUSEPORT, and the first listens: ok
 */
#include "step.h"

enum { NO_OPTION = 0 }; /* else SO_REUSEADDR or SO_REUSEPORT */

/* A new socket at this address, with OPTION set. Returns -1, with errno, if
   bind() has failed. */
static int bind_socket(struct sockaddr_in *address, int option)
{
    int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (option != NO_OPTION)
        setsockopt(fd, SOL_SOCKET, option, &(int){ 1 }, sizeof(int));
    if (bind(fd, (struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The first server serves one connection, and ends or, if it STAYS, listens
   on. Can the next server bind its port? */
static void restart(const char *what, int first, int next, bool stays)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    int listener = check(bind_socket(&address, first), "bind");
    check(listen(listener, 1), "listen");
    getsockname(listener, (struct sockaddr *)&address, &size);

    int client = connect_here(listener);
    close(accept(listener, NULL, NULL)); /* closed first: TIME_WAIT is here */
    close(client);
    if (!stays)
        close(listener);
    int fd = bind_socket(&address, next);
    bool ok = fd >= 0 && listen(fd, 1) == 0;
    printf("  %-37s%s\n", what, ok ? "ok" : strerror(errno));
    if (fd >= 0)
        close(fd);
    if (stays)
        close(listener);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    puts("a port with a connection in TIME_WAIT: can the next server bind?");
    restart("SO_REUSEADDR set by neither of them:", NO_OPTION, NO_OPTION,
            false);
    restart("... by the next one only:", NO_OPTION, SO_REUSEADDR, false);
    restart("... by the first one only:", SO_REUSEADDR, NO_OPTION, false);
    restart("... by both:", SO_REUSEADDR, SO_REUSEADDR, false);
    restart("... by both, but the first listens:", SO_REUSEADDR, SO_REUSEADDR,
            true);
    restart("SO_REUSEPORT, and the first listens:", SO_REUSEPORT,
            SO_REUSEPORT, true);
}
