/*
 * 03i-operator: BROKEN: who sits at the keyboard answers; all wait for it.
 *
 *     make 03i                                       watch it play a scene
 *     03-select/steps/03i-operator [-p PORT (8801)]  or run it by itself
 *
 * Look at hear(): select() waits for all, but in fgets() the process waits for
 * one line of the keyboard alone. Until you have typed it, nobody else is
 * heard or let in. Mended in 03j-operator-select.
 * The notes: 三. IO multiplexing(IO多路复用).
 *
 *     fd 4: accept
 *     fd 4 asks: what time is it?
 *     answer fd 4:
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

static fd_set inputs;  /* the notes' list: whom we listen to */
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

static void close_client(int fd, const char *why)
{
    LOG("fd %d: close: %s", fd, why);
    close(fd);
    FD_CLR(fd, &inputs);
    full = false;
}

/* What a client says may be anything, and a terminal would obey it. */
static const char *printable(char *bytes, ssize_t length)
{
    for (ssize_t i = 0; i < length; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            bytes[i] = bytes[i] == '\n' ? ' ' : '?';
    bytes[length] = '\0';
    return bytes;
}

static void answer(int fd, const char *line, size_t length)
{
    ssize_t n = send(fd, line, length, 0);
    if (n < (ssize_t)length)
        close_client(fd, n < 0 ? strerror(errno) : "it does not read");
    else
        LOG("fd %d: send: %zd bytes", fd, n);
}

/* Readable: a client has said something, or it has left. */
static void hear(int fd)
{
    char bytes[1024], line[1024];
    ssize_t n = recv(fd, bytes, sizeof bytes - 1, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        close_client(fd, n == 0 ? "end of file" : strerror(errno));
    if (n <= 0)
        return;
    LOG("fd %d asks: %s", fd, printable(bytes, n));
    LOG("answer fd %d:", fd);
    if (fgets(line, sizeof line, stdin) == NULL)
        return; /* nobody is at the keyboard */
    answer(fd, line, strlen(line));
}

int main(int argc, char **argv)
{
    int listener = listener_at(8801, argc, argv);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs; /* a copy: the answer overwrites it */
        if (full)
            FD_CLR(listener, &readable);
        int n = select(FD_SETSIZE, &readable, NULL, NULL, NULL);
        if (n < 0 && errno == EINTR)
            continue; /* and the answer means nothing */
        if (n < 0)
            err(1, "select");
        for (int fd = listener; fd < FD_SETSIZE; fd++) {
            if (fd == listener && FD_ISSET(fd, &readable))
                welcome(listener);
            else if (FD_ISSET(fd, &readable))
                hear(fd);
        }
    }
}
