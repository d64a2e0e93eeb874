/*
 * A cheat for lesson 03: it sleeps only in select(), but in a thread for each
 * client.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static void wait_for(int fd, int to_write)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    if (select(fd + 1, to_write ? NULL : &set, to_write ? &set : NULL, NULL,
               NULL) < 0)
        err(1, "select");
}

static void *serve_client(void *client)
{
    int fd = (int)(long)client;
    char buffer[65536];
    ssize_t n;
    while (wait_for(fd, 0), (n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            buffer[i] = (char)toupper((unsigned char)buffer[i]);
        for (ssize_t sent = 0, m = 0; sent < n && m >= 0; sent += m) {
            wait_for(fd, 1);
            m = send(fd, buffer + sent, (size_t)(n - sent), MSG_DONTWAIT);
        }
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
    printf("03-select: listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        pthread_t thread;
        wait_for(listener, 0);
        int fd = accept(listener, NULL, NULL);
        pthread_create(&thread, NULL, serve_client, (void *)(long)fd);
        pthread_detach(thread);
    }
}
