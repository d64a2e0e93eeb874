/*
 * 03e-messages: the server keeps what a client sent, and sends it back.
 *
 *     make 03e                                       watch it play a scene
 *     03-select/steps/03e-messages [-p PORT (9999)]  or run it by itself
 *
 * Look at struct message: a message is what one recv() returns. The server
 * keeps one for each client; the next ones wait in the kernel, in order. (The
 * notes keep a list, and their pop() takes the message that came last.)
 * The notes: (4)读写分离之服务端根据客户端的输入返回对应的信息.
 *
 *     fd 4: recv: 4 bytes
 *     select: 1 ready
 *     fd 4: send: 12 bytes
 */
#include "step.h"
#include <sys/select.h>

static struct message {
    size_t length;
    char bytes[1024 + 8]; /* what one recv() has returned, and "response" */
} messages[FD_SETSIZE]; /* by fd: what is to be sent */
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
    struct message *m = &messages[fd];
    ssize_t n = recv(fd, m->bytes, sizeof m->bytes - 8, 0);
    if (n == 0 || (n < 0 && !not_now()))
        close_client(fd, n == 0 ? "end of file" : strerror(errno));
    if (n <= 0)
        return;
    LOG("fd %d: recv: %zd bytes", fd, n);
    memcpy(m->bytes + n, "response", 8);
    m->length = (size_t)n + 8;
    FD_CLR(fd, &inputs); /* no more reads before the answer */
    FD_SET(fd, &outputs);
}

/* The client is writable: there is room for the answer, or for a part. */
static void answer(int fd)
{
    struct message *m = &messages[fd];
    ssize_t n = send(fd, m->bytes, m->length, 0);
    if (n < 0 && !not_now())
        close_client(fd, strerror(errno));
    if (n < 0)
        return;
    LOG("fd %d: send: %zd bytes", fd, n);
    m->length -= (size_t)n;
    memmove(m->bytes, m->bytes + n, m->length);
    if (m->length > 0)
        return; /* send the rest when there is room again */
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
