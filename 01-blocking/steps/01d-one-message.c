/*
 * 01d-one-message: accept one client, take one message, answer it, and end.
 *
 *     make 01d                                          watch it play a scene
 *     01-blocking/steps/01d-one-message [-p PORT (9000)]  or run it by itself
 *
 * A server in four calls: accept, recv, send, close; and then the end. One
 * recv() is "one message" only as long as nobody sends more, or in two pieces.
 * Look at who comes second: connected by the kernel, never accepted.
 * The notes: 接收一条数据.
 *
 *     accept: waiting
 *     fd 4: accept
 *     fd 4: recv: 5 bytes
 *     fd 4: send: 5 bytes
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG(...) (printf("%s:%d: ", __FILE__, __LINE__), \
                  printf(__VA_ARGS__), putchar('\n'))

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

int main(int argc, char **argv)
{
    char message[1024]; /* bytes: the notes' recv(1024) */
    int listener = listener_at(9000, argc, argv);

    LOG("accept: waiting");
    int fd;
    while ((fd = accept(listener, NULL, NULL)) < 0)
        if (errno != EINTR && errno != ECONNABORTED)
            err(1, "accept");
    LOG("fd %d: accept", fd);

    ssize_t n;
    while ((n = recv(fd, message, sizeof message, 0)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        LOG("fd %d: recv: %s", fd, strerror(errno));
    else
        LOG("fd %d: recv: %zd bytes", fd, n);
    if (n > 0) {
        upper(message, (size_t)n);
        n = send(fd, message, (size_t)n, 0); /* there is room */
        if (n < 0)
            LOG("fd %d: send: %s", fd, strerror(errno));
        else
            LOG("fd %d: send: %zd bytes", fd, n);
    }
    close(fd);
    close(listener); /* and with it all who have not been accepted */
}
