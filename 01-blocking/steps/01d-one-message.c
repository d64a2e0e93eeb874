/*
 * 01d-one-message: accept one client, receive one message, answer it, end.
 *
 *     make 01d                                            watch its scene
 *     01-blocking/steps/01d-one-message [-p PORT (9000)]  or run it by itself
 *
 * A server in four calls: accept, recv, send, close. Its mistake: it takes one
 * recv() for one message. That is true only until a client sends more at once,
 * or sends its message in two pieces. Look at the second client: the kernel
 * connects it, but this server never accepts it.
 * The notes: 接收一条数据.
 *
 *     accept: waiting, fd 3
 *     fd 4: accept
 *     fd 4: recv: 5 bytes
 *     fd 4: send: 5 bytes
 */
#include "step.h"

int main(int argc, char **argv)
{
    char bytes[1024]; /* the notes' recv(1024) */
    step.port = 9000;
    begin_step(argc, argv, "p:", "[-p PORT (9000; 0: any free)]");
    int listener = listen_on(step.port);

    LOG("accept: waiting, fd %d", listener);
    int fd;
    while ((fd = accept(listener, NULL, NULL)) < 0)
        if (errno != EINTR && errno != ECONNABORTED)
            err(1, "accept");
    LOG("fd %d: accept", fd);

    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) < 0 && errno == EINTR)
        continue;
    if (n < 0)
        LOG("fd %d: recv: %s", fd, strerror(errno));
    else
        LOG("fd %d: recv: %zd bytes", fd, n);

    if (n > 0) {
        upper(bytes, (size_t)n);
        n = send(fd, bytes, (size_t)n, 0); /* the kernel has room for 1 KiB */
        if (n < 0)
            LOG("fd %d: send: %s", fd, strerror(errno));
        else
            LOG("fd %d: send: %zd bytes", fd, n);
    }
    close(fd);
    close(listener); /* the kernel resets all clients that still wait */
}
