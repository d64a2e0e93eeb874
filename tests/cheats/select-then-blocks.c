/*
 * A cheat for lesson 03: when select() has found a client that is ready, the
 * server stays with it, in recv(), until nothing has come for 5 ms.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static char bytes[FD_SETSIZE][65536]; /* of each client's last read ... */
static ssize_t from[FD_SETSIZE], to[FD_SETSIZE]; /* ... these are pending */
static fd_set open_fds;

/* Flush what is pending, or else read. False: wait for select(). */
static int serve_client(int fd)
{
    ssize_t n = 1;
    if (from[fd] == to[fd]) {
        n = recv(fd, bytes[fd], sizeof bytes[fd], 0);
        from[fd] = 0;
        to[fd] = n < 0 ? 0 : n;
        for (ssize_t i = 0; i < n; i++)
            bytes[fd][i] = (char)toupper((unsigned char)bytes[fd][i]);
    }
    if (n > 0) {
        n = send(fd, bytes[fd] + from[fd], (size_t)(to[fd] - from[fd]),
                 MSG_DONTWAIT);
        from[fd] += n < 0 ? 0 : n;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        FD_CLR(fd, &open_fds);
        from[fd] = to[fd];
        close(fd);
    }
    return n > 0 && from[fd] == to[fd];
}

int main(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, size) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        err(1, "listen");
    getsockname(listener, (struct sockaddr *)&at, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("03-select: listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    signal(SIGPIPE, SIG_IGN);
    FD_SET(listener, &open_fds);
    for (;;) {
        fd_set readable = open_fds, writable;
        FD_ZERO(&writable);
        for (int fd = 0; fd < FD_SETSIZE; fd++)
            if (from[fd] < to[fd]) {
                FD_CLR(fd, &readable);
                FD_SET(fd, &writable);
            }
        if (select(FD_SETSIZE, &readable, &writable, NULL, NULL) < 0)
            err(1, "select");
        if (FD_ISSET(listener, &readable)) {
            int fd = accept(listener, NULL, NULL);
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
                       &(struct timeval){ 0, 5000 }, sizeof(struct timeval));
            FD_SET(fd, &open_fds);
            FD_CLR(listener, &readable);
        }
        for (int fd = 0; fd < FD_SETSIZE; fd++)
            if (FD_ISSET(fd, &readable) || FD_ISSET(fd, &writable))
                while (serve_client(fd))
                    continue;
    }
}
