/*
 * A proxy without a selector: two threads for each client, one for each way.
 */
#include <arpa/inet.h>
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct way {
    int from, to;
};

static struct sockaddr_in at = { .sin_family = AF_INET };
static int upstream;

static void *end_both(struct way *way)
{
    shutdown(way->from, SHUT_RDWR);
    shutdown(way->to, SHUT_RDWR);
    return NULL;
}

static void *carry(void *argument)
{
    struct way *way = argument;
    char buffer[16384];
    ssize_t n;
    while ((n = recv(way->from, buffer, sizeof buffer, 0)) > 0)
        for (ssize_t sent = 0, m; sent < n; sent += m)
            if ((m = send(way->to, buffer + sent, (size_t)(n - sent), 0)) < 0)
                return end_both(way);
    if (n < 0)
        return end_both(way);
    shutdown(way->to, SHUT_WR);
    return NULL;
}

static void *serve(void *argument)
{
    struct way there = { .from = (int)(long)argument }, back;
    pthread_t thread;
    struct sockaddr_in behind = at;
    behind.sin_port = htons((in_port_t)upstream);
    there.to = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(there.to, (struct sockaddr *)&behind, sizeof behind) == 0) {
        back = (struct way){ .from = there.to, .to = there.from };
        if (pthread_create(&thread, NULL, carry, &back) == 0) {
            carry(&there);
            pthread_join(thread, NULL);
        }
    }
    close(there.to);
    close(there.from);
    return NULL;
}

static void say_bye(int signal_number)
{
    (void)signal_number;
    _exit(write(STDOUT_FILENO, "bye\n", 4) < 4);
}

int main(int argc, char **argv)
{
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), option, port = 0;
    while ((option = getopt(argc, argv, "p:u:q")) != -1)
        if (option == 'p')
            port = atoi(optarg);
        else if (option == 'u')
            upstream = atoi(optarg);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((in_port_t)port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&at, size) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        err(1, "bind, port %d", port);
    getsockname(listener, (struct sockaddr *)&at, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("06-selector: listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, say_bye);
    signal(SIGTERM, say_bye);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 &&
            pthread_create(&thread, NULL, serve, (void *)(long)fd) == 0)
            pthread_detach(thread);
    }
}
