/*
 * 03b-hello: select() watches the listener; who comes is told "hello".
 *
 *     make 03b                                    watch it play a scene
 *     03-select/steps/03b-hello [-p PORT (9999)]  or run it by itself
 *
 * A listener is readable when somebody is there: accept() will not wait.
 * What a client says is of no interest yet, and the next one takes its place.
 * In 03c-receive they are kept, and heard.
 * The notes: (1)监听客户端连接.
 *
 *     select: nobody for 5 s
 *     fd 4: accept
 *     fd 4: send: hello
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
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

int main(int argc, char **argv)
{
    int listener = listener_at(9999, argc, argv);
    int newest = -1; /* the notes' conn: who is no longer in it is closed */

    for (;;) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(listener, &readable);
        struct timeval patience = { .tv_sec = 5 };
        int n = select(listener + 1, &readable, NULL, NULL, &patience);
        if (n == 0)
            LOG("select: nobody for 5 s");
        if (n <= 0)
            continue; /* EINTR is no reason to end either */

        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue; /* it has left again */
        LOG("fd %d: accept", fd);
        if (send(fd, "hello", 5, 0) < 0)
            LOG("fd %d: send: %s", fd, strerror(errno));
        else
            LOG("fd %d: send: hello", fd);
        if (newest >= 0)
            close(newest);
        newest = fd;
    }
}
