/*
 * 03g-queue: BROKEN: when a client leaves, it spins. A queue per client.
 *
 *     make 03g                                    watch it play a scene
 *     03-select/steps/03g-queue [-p PORT (9000)]  or run it by itself
 *
 * hear() puts what a client said into its queue, answer() sends from there:
 * each client gets its own words back, upper case. But who has left stays
 * readable for ever: recv() returns 0, nobody looks, and select() returns at
 * once, again and again. The log says nothing of it; top does. Mended in
 * 03h-disconnect.
 * The notes: 将收到的数据发回给客户端.
 *
 *     fd 4: recv: 6 bytes
 *     fd 4: send: 6 of 6
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG(...) (printf("%s:%d: ", __FILE__, __LINE__), \
                  printf(__VA_ARGS__), putchar('\n'))

enum { QUEUE_SIZE = 64 * 1024 }; /* bytes: the most that a client is owed */

struct queue {
    size_t length;
    char bytes[QUEUE_SIZE];
};

static struct queue queues[FD_SETSIZE]; /* by fd */
static fd_set inputs;  /* the notes' list: whom we listen to */
static fd_set outputs; /* ... and whom we owe an answer */
static bool full;      /* no fd left: accept nobody now */

/* A listener on 127.0.0.1, at this port or at the one that -p names. */
static int listener_at(int port, int argc, char **argv)
{
    char rest;
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-p") != 0 ||
                     sscanf(argv[2], "%6d%c", &port, &rest) != 1 ||
                     port < 0 || port > 65535))
        errx(2, "usage: %s [-p PORT (to 65535; 0: any free)]", argv[0]);

    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        err(1, "bind and listen, port %d (-p 0 takes any free one)", port);
    getsockname(listener, (struct sockaddr *)&address, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    printf("%s: listening on 127.0.0.1:%d\n", argv[0],
           ntohs(address.sin_port));
    return listener;
}

/* a-z become A-Z, every other byte stays. There is no if in the loop, so the
   compiler can work on 16 bytes at once instead of guessing at each. (Inlined
   into main(), which runs but once, gcc does not take that trouble.) */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

/* Somebody is there. Without a free fd we ask for nobody until one leaves;
   an fd beyond FD_SETSIZE has no bit in a set, and FD_SET() would write
   elsewhere. */
static void welcome(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        full = errno == EMFILE;
        LOG("accept: %s", strerror(errno));
        usleep(10000); /* it may fail again: a nap is better than a spin */
        return;
    }
    LOG("fd %d: accept", fd);
    if (fd >= FD_SETSIZE) {
        LOG("fd %d: refused: FD_SETSIZE is %d", fd, FD_SETSIZE);
        close(fd);
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK); /* whatever select() said, no call waits */
    FD_SET(fd, &inputs);
}

/* Readable: put what a client said, upper case, at the end of its queue. Who
   does not fetch its answers is not listened to either. */
static void hear(int fd)
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

/* Writable: send from the head of the queue what there is room for. */
static void answer(int fd)
{
    struct queue *q = &queues[fd];
    ssize_t n = send(fd, q->bytes, q->length, 0);
    if (n < 0)
        return;
    if (n > 0)
        LOG("fd %d: send: %zd of %zu", fd, n, q->length);
    q->length -= (size_t)n;
    memmove(q->bytes, q->bytes + n, q->length);
    FD_SET(fd, &inputs);
    if (q->length == 0)
        FD_CLR(fd, &outputs);
}

int main(int argc, char **argv)
{
    int listener = listener_at(9000, argc, argv);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs, writable = outputs;
        if (full)
            FD_CLR(listener, &readable);
        int n = select(FD_SETSIZE, &readable, &writable, NULL, NULL);
        if (n < 0 && errno == EINTR)
            continue; /* and the answer means nothing */
        if (n < 0)
            err(1, "select");
        for (int fd = listener; fd < FD_SETSIZE; fd++) {
            if (fd == listener && FD_ISSET(fd, &readable))
                welcome(listener);
            else if (FD_ISSET(fd, &readable))
                hear(fd);
            if (FD_ISSET(fd, &writable))
                answer(fd);
        }
    }
}
