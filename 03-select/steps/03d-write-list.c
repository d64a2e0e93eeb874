/*
 * 03d-write-list: a client that waits for an answer is on a second list.
 *
 *     make 03d                                         watch it play a scene
 *     03-select/steps/03d-write-list [-p PORT (9999)]  or run it by itself
 *
 * Look at read_client() and answer(): a client moves from inputs to outputs
 * and back. Writable means that its send buffer has room, nothing more: if it
 * stayed in outputs, select() would return at once, again and again. The
 * answer is always the same; 03e-messages sends back what the client sent.
 * The notes: (3)读写分离.
 *
 *     fd 4: recv: 12 bytes
 *     select: 1 ready
 *     fd 4: send: 8 bytes
 */
#include "step.h"
#include <sys/select.h>

static fd_set inputs;  /* the notes' list: the fds to read from */
static fd_set outputs; /* ... and the clients to answer */

/* The listener is readable: a client has come. */
static void on_accept(int listener)
{
    int fd = accept_fd(listener, FD_SETSIZE);
    if (fd < 0)
        return;
    ssize_t n = send(fd, "hello", 5, 0);
    LOG("fd %d: send: %s", fd, n < 0 ? strerror(errno) : "hello");
    FD_SET(fd, &inputs);
}

static void close_client(int fd, const char *why)
{
    close_fd(fd, why);
    FD_CLR(fd, &inputs);
    FD_CLR(fd, &outputs);
}

/* The client is readable: it has sent bytes, or it has closed. */
static void read_client(int fd)
{
    char bytes[1024];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n == 0 || (n < 0 && !not_now()))
        close_client(fd, n == 0 ? "end of file" : strerror(errno));
    if (n <= 0)
        return;
    LOG("fd %d: recv: %zd bytes", fd, n);
    FD_CLR(fd, &inputs); /* no more reads before the answer */
    FD_SET(fd, &outputs);
}

/* The client is writable: there is room for the answer. */
static void answer(int fd)
{
    ssize_t n = send(fd, "response", 8, 0);
    if (n < 0 && !not_now())
        close_client(fd, strerror(errno));
    if (n < 0)
        return;
    LOG("fd %d: send: %zd bytes", fd, n);
    FD_CLR(fd, &outputs);
    FD_SET(fd, &inputs);
}

int main(int argc, char **argv)
{
    int listener = begin_server(argc, argv, 9999);
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs, writable = outputs; /* copies */
        if (out_of_fds)
            FD_CLR(listener, &readable);
        int n = select(FD_SETSIZE, &readable, &writable, NULL, NULL);
        if (interrupted(n, "select"))
            continue; /* the sets still have all fds */
        LOG("select: %d ready", n);
        if (FD_ISSET(listener, &readable))
            on_accept(listener);
        for (int fd = listener + 1; fd < FD_SETSIZE; fd++)
            if (FD_ISSET(fd, &readable))
                read_client(fd);
            else if (FD_ISSET(fd, &writable))
                answer(fd);
    }
}
