/*
 * 03b-hello: select() watches the listener; who comes is told "hello".
 *
 *     make 03b                                    watch it play a scene
 *     03-select/steps/03b-hello [-p PORT (9999)]  or run it by itself
 *
 * A listener is readable when somebody is there: accept() will not wait.
 * (The first argument of select() is the highest fd + 1; FD_SETSIZE will do
 * for all.) What a client says is of no interest yet, and the next one takes
 * its place. In 03c-receive they are kept, and heard.
 * The notes: (1)监听客户端连接. Theirs also wakes every 5 s, for nothing.
 *
 *     select: 1 ready
 *     fd 4: accept
 *     fd 4: send: hello
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG(...) (printf("%s:%d: ", __FILE__, __LINE__), \
                  printf(__VA_ARGS__), putchar('\n'))

static fd_set inputs;  /* the notes' list: whom we listen to */

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

/* Somebody is there. There is one name for a client, as in the notes: who is
   no longer called newest is closed. */
static void welcome(int listener)
{
    static int newest = -1;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        LOG("accept: %s", strerror(errno));
        if (newest >= 0)
            close(newest); /* its fd may be what is wanted */
        newest = -1;
        usleep(10000); /* it may fail again: a nap is better than a spin */
        return;
    }
    LOG("fd %d: accept", fd);
    fcntl(fd, F_SETFL, O_NONBLOCK); /* whatever select() said, no call waits */
    ssize_t n = send(fd, "hello", 5, 0);
    LOG("fd %d: send: %s", fd, n < 0 ? strerror(errno) : "hello");
    if (newest >= 0)
        close(newest);
    newest = fd;
}

int main(int argc, char **argv)
{
    int listener = listener_at(9999, argc, argv);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* who came may have left */
    FD_SET(listener, &inputs);

    for (;;) {
        fd_set readable = inputs; /* a copy: the answer overwrites it */
        int n = select(FD_SETSIZE, &readable, NULL, NULL, NULL);
        if (n < 0 && errno == EINTR)
            continue; /* and the answer means nothing */
        if (n < 0)
            err(1, "select");
        LOG("select: %d ready", n);
        if (FD_ISSET(listener, &readable))
            welcome(listener);
    }
}
