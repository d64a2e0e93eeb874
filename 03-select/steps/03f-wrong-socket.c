/*
 * 03f-wrong-socket: BROKEN: it always reads from the newest client.
 *
 *     make 03f                                           watch it play a scene
 *     03-select/steps/03f-wrong-socket [-p PORT (9000)]  or run it by itself
 *
 * Look at read_client(): select() names the client that has sent something,
 * but recv() reads from another one. That one has sent nothing, so recv()
 * blocks, and the server serves no client until the newest one sends. Mended
 * in 03g-queue. (The server does not notice that a client closes: see 03h.)
 * The notes: 可以接收多个连接请求. They expect that recv() fails; it blocks.
 *
 *     fd 4: accept
 *     fd 5: accept
 *     fd 4 is ready: recv on fd 5
 */
#include "step.h"
#include <sys/select.h>

static fd_set inputs;  /* the notes' list: the fds to read from */
static int newest;     /* the newest client; the notes' variable conn */

/* The listener is readable: a client has come. */
static void on_accept(int listener)
{
    int fd = accept_fd(listener, FD_SETSIZE);
    if (fd < 0)
        return;
    fcntl(fd, F_SETFL, 0); /* it blocks, as the notes' socket does */
    FD_SET(fd, &inputs);
    newest = fd;
}

/* The client is readable: it has sent bytes. */
static void read_client(int fd)
{
    char bytes[1024];
    LOG("fd %d is ready: recv on fd %d", fd, newest);
    ssize_t n = recv(newest, bytes, sizeof bytes, 0);
    LOG("fd %d: recv: %zd bytes", newest, n);
}

int main(int argc, char **argv)
{
    int listener = begin_server(argc, argv, 9000);
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs; /* a copy: select() overwrites it */
        if (out_of_fds)
            FD_CLR(listener, &readable);
        int n = select(FD_SETSIZE, &readable, NULL, NULL, NULL);
        if (interrupted(n, "select"))
            continue; /* the sets still have all fds */
        if (FD_ISSET(listener, &readable))
            on_accept(listener);
        for (int fd = listener + 1; fd < FD_SETSIZE; fd++)
            if (FD_ISSET(fd, &readable))
                read_client(fd);
    }
}
