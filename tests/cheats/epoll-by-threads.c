/*
 * A cheat for lesson 05: it calls epoll_wait() only to accept clients. Each
 * client has a thread, which sleeps in recv().
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve_client(void *client)
{
    int fd = (int)(long)client;
    char buffer[65536];
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            buffer[i] = (char)toupper((unsigned char)buffer[i]);
        send(fd, buffer, (size_t)n, 0);
    }
    close(fd);
    return NULL;
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
    printf("05-epoll: listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    signal(SIGPIPE, SIG_IGN);
    int epoll = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        pthread_t thread;
        if (epoll_wait(epoll, &event, 1, -1) < 0)
            err(1, "epoll_wait");
        int fd = accept(listener, NULL, NULL);
        pthread_create(&thread, NULL, serve_client, (void *)(long)fd);
        pthread_detach(thread);
    }
}
