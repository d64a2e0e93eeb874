/*
 * A server that accepts one client, sends each byte back as it is, and accepts
 * no other client. When its backlog is full, connect() to it does not end.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    char buffer[4096];
    ssize_t n;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, size) < 0 ||
        listen(listener, 0) < 0)
        err(1, "listen");
    getsockname(listener, (struct sockaddr *)&at, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("stuck: listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    int fd = accept(listener, NULL, NULL);
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        if (send(fd, buffer, (size_t)n, 0) < n)
            err(1, "send");
    pause();
}
