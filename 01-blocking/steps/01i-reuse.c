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
 * lets two servers listen at one port: look at the last line.
 * The notes: 5 实例:客户端发送数据 服务端将接收的数据返回给客户端.
 *
 *     a port with a connection in TIME_WAIT: can the next server bind?
 *       SO_REUSEADDR set by neither of them: Address already in use
 *       ...
 *       ... by both:                         ok
 *       ... by both, but the first listens:  Address already in use
 */
#include "step.h"

/* A new socket at this address. REUSE sets SO_REUSEADDR. Returns -1, with
   errno, if bind() has failed. */
static int bind_socket(struct sockaddr_in *address, bool reuse)
{
    int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ reuse }, sizeof(int));
    if (bind(fd, (struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The first server serves one connection, and ends or, if it STAYS, listens
   on. Can the next server bind its port? */
static void restart(const char *what, bool first, bool next, bool stays)
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
    printf("  %-37s%s\n", what, fd < 0 ? strerror(errno) : "ok");
    if (fd >= 0)
        close(fd);
    if (stays)
        close(listener);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "", "(no options)");
    puts("a port with a connection in TIME_WAIT: can the next server bind?");
    restart("SO_REUSEADDR set by neither of them:", false, false, false);
    restart("... by the next one only:", false, true, false);
    restart("... by the first one only:", true, false, false);
    restart("... by both:", true, true, false);
    restart("... by both, but the first listens:", true, true, true);
}
