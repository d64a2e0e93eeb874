/*
 * 03g-queue: a queue for each client. BROKEN: it spins when a client closes.
 *
 *     make 03g                                    watch it play a scene
 *     03-select/steps/03g-queue [-p PORT (9000)]  or run it by itself
 *
 * read_client() puts what a client sent into that client's queue, and answer()
 * sends from there. But a client that has closed stays readable for ever:
 * recv() returns 0, the server does not check for it, and select() returns at
 * once, again and again. The log shows nothing; top(1) does. Mended in
 * 03h-disconnect.
 * The notes: 将收到的数据发回给客户端.
 *
 *     fd 4: recv: 6 bytes
 *     fd 4: send: 6 of 6 bytes
 */
#include "step.h"
#include <sys/select.h>

enum { QUEUE_SIZE = 64 * 1024 }; /* bytes that may wait for one client */

static struct queue {
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

/* The client is readable: put what it sent, in upper case, at the end of its
   queue. When the queue is full, do not read from this client. */
static void read_client(int fd)
{
    struct queue *q = &queues[fd];
    char *end = q->bytes + q->length;
    ssize_t n = recv(fd, end, QUEUE_SIZE - q->length, 0);
    if (n < 0)
        return;
    if (n > 0)
        LOG("fd %d: recv: %zd bytes", fd, n);
    upper(end, (size_t)n);
    q->length += (size_t)n;
    if (q->length == QUEUE_SIZE)
        FD_CLR(fd, &inputs);
    FD_SET(fd, &outputs);
}

/* The client is writable: send from the head of its queue as many bytes as
   there is room for. */
static void answer(int fd)
{
    struct queue *q = &queues[fd];
    ssize_t n = send(fd, q->bytes, q->length, 0);
    if (n < 0)
        return;
    if (n > 0)
        LOG("fd %d: send: %zd of %zu bytes", fd, n, q->length);
    q->length -= (size_t)n;
    memmove(q->bytes, q->bytes + n, q->length);
    FD_SET(fd, &inputs);
    if (q->length == 0)
        FD_CLR(fd, &outputs);
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
            if (FD_ISSET(fd, &writable))
                answer(fd);
        }
    }
}
