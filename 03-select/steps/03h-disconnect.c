/*
 * 03h-disconnect: when a client closes, the server sends the rest and closes.
 *
 *     make 03h                                         watch it play a scene
 *     03-select/steps/03h-disconnect [-p PORT (9000)]  or run it by itself
 *
 * A connection ends in two ways. End of file means only that the client sends
 * no more. It may still read, so the server sends its queue first. After an
 * error the client is gone. Look at main(), too: read_client() may have closed
 * a client that is still in the set writable.
 * The notes: 处理客户端断开的问题, and the sections after it.
 *
 *     fd 4: recv: 6 bytes
 *     fd 4: send: 6 of 6 bytes
 *     fd 4: close: end of file
 */
#include "step.h"
#include <sys/select.h>

enum { QUEUE_SIZE = 64 * 1024 }; /* bytes that may wait for one client */

static struct queue {
    bool ended; /* the client sends no more: close when the queue is empty */
    size_t length;
    char bytes[QUEUE_SIZE];
} queues[FD_SETSIZE]; /* by fd */
static fd_set inputs;  /* the notes' list: the fds to read from */
static fd_set outputs; /* ... and the clients to answer */

/* The listener is readable: a client has come. */
static void on_accept(int listener)
{
    int fd = accept_fd(listener, FD_SETSIZE);
    if (fd >= 0)
        FD_SET(fd, &inputs);
}

static void close_client(int fd, const char *why)
{
    close_fd(fd, why);
    FD_CLR(fd, &inputs);
    FD_CLR(fd, &outputs);
    queues[fd] = (struct queue){ .length = 0 };
}

/* The client is readable: put what it sent, in upper case, at the end of its
   queue. When the queue is full, do not read from this client. */
static void read_client(int fd)
{
    struct queue *q = &queues[fd];
    char *end = q->bytes + q->length;
    ssize_t n = recv(fd, end, QUEUE_SIZE - q->length, 0);
    if (n < 0 && !not_now())
        close_client(fd, strerror(errno));
    if (n < 0)
        return;
    if (n > 0)
        LOG("fd %d: recv: %zd bytes", fd, n);
    upper(end, (size_t)n);
    q->length += (size_t)n;
    q->ended = n == 0;
    if (q->ended || q->length == QUEUE_SIZE)
        FD_CLR(fd, &inputs);
    FD_SET(fd, &outputs);
}

/* The client is writable: send from the head of its queue as many bytes as
   there is room for. */
static void answer(int fd)
{
    struct queue *q = &queues[fd];
    ssize_t n = send(fd, q->bytes, q->length, 0);
    if (n < 0 && !not_now())
        close_client(fd, strerror(errno));
    if (n < 0)
        return;
    if (n > 0)
        LOG("fd %d: send: %zd of %zu bytes", fd, n, q->length);
    q->length -= (size_t)n;
    memmove(q->bytes, q->bytes + n, q->length);
    if (!q->ended)
        FD_SET(fd, &inputs);
    if (q->length == 0)
        FD_CLR(fd, &outputs);
    if (q->length == 0 && q->ended)
        close_client(fd, "end of file");
}

int main(int argc, char **argv)
{
    int listener = begin_server(argc, argv, 9000);
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs, writable = outputs; /* copies */
        if (out_of_fds)
            FD_CLR(listener, &readable);
        int n = select(FD_SETSIZE, &readable, &writable, NULL, NULL);
        if (interrupted(n, "select"))
            continue; /* the sets still have all fds */
        if (FD_ISSET(listener, &readable))
            on_accept(listener);
        for (int fd = listener + 1; fd < FD_SETSIZE; fd++) {
            if (FD_ISSET(fd, &readable))
                read_client(fd);
            if (FD_ISSET(fd, &writable) && FD_ISSET(fd, &outputs))
                answer(fd);
        }
    }
}
