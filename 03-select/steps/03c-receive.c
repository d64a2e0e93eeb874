/*
 * 03c-receive: select() watches the listener and all clients, and reads.
 *
 *     make 03c                                      watch it play a scene
 *     03-select/steps/03c-receive [-p PORT (9999)]  or run it by itself
 *
 * Look at the diff to 03b: on_accept() puts a new client on the list, inputs.
 * select() removes from its copy every fd that is not ready; main() tests each
 * bit with FD_ISSET(). The server does not use what it reads; 03d-write-list
 * sends an answer.
 * The notes: (2)监听客户端连接及接受客户端发送的数据.
 *
 *     select: 1 ready
 *     fd 4: accept
 *     fd 4: send: hello
 *     select: 1 ready
 *     fd 4: recv: 12 bytes
 *     select: 1 ready
 *     fd 4: close: end of file
 */
#include "step.h"
#include <sys/select.h>

static fd_set inputs;  /* the notes' list: the fds to read from */

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
}

int main(int argc, char **argv)
{
    int listener = begin_server(argc, argv, 9999);
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs; /* a copy: select() overwrites it */
        if (out_of_fds)
            FD_CLR(listener, &readable);
        int n = select(FD_SETSIZE, &readable, NULL, NULL, NULL);
        if (interrupted(n, "select"))
            continue; /* the sets still have all fds */
        LOG("select: %d ready", n);
        if (FD_ISSET(listener, &readable))
            on_accept(listener);
        for (int fd = listener + 1; fd < FD_SETSIZE; fd++)
            if (FD_ISSET(fd, &readable))
                read_client(fd);
    }
}
