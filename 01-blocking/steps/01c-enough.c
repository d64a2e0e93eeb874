/*
 * 01c-enough: how much is "enough data" for a recv() that waits?
 *
 *     make 01c                                     run it
 *     01-blocking/steps/01c-enough [-s SECONDS]    between two sends (0.2)
 *
 * Two bytes come, later two more, then the end. Look at when a recv() returns,
 * and with how many: one byte is enough, unless we ask for more. A datagram
 * comes whole or not at all, and recv() takes it whole: what does not fit into
 * the buffer is gone. An empty one is a message too, and no end.
 * The notes: 一. blocking IO.
 *
 *     TCP: "ab" at 0.0 s, "cd" at 0.2 s, the end at 0.4 s
 *       recv(100)                   2 bytes, at 0.0 s
 *       SO_RCVLOWAT 4, recv(100)    4 bytes, at 0.2 s
 *       MSG_WAITALL, recv(4)        4 bytes, at 0.2 s
 *       MSG_WAITALL, recv(100)      4 bytes, at 0.4 s
 *     UDP: "hello, world", then "", then "next"
 *       recv(4)                     4 bytes: "hell"
 *       recv(100)                   0 bytes: ""
 *       recv(100)                   4 bytes: "next"
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double second = 0.2;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Two sockets on 127.0.0.1, connected: SOCK_STREAM is TCP, SOCK_DGRAM UDP. */
static void connect_pair(int type, int *from, int *to)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    int here = socket(AF_INET, type, 0);
    *from = socket(AF_INET, type, 0);
    if (bind(here, (struct sockaddr *)&address, size) < 0 ||
        (type == SOCK_STREAM && listen(here, 1) < 0) ||
        getsockname(here, (struct sockaddr *)&address, &size) < 0 ||
        connect(*from, (struct sockaddr *)&address, size) < 0)
        err(1, "bind and connect");
    *to = here;
    if (type == SOCK_STREAM) {
        *to = accept(here, NULL, NULL);
        close(here);
    }
}

static void give(int fd, const char *text)
{
    if (send(fd, text, strlen(text), 0) < 0)
        err(1, "send");
}

static void two_and_two(int fd)
{
    give(fd, "ab");
    usleep((useconds_t)(second * 1e6));
    give(fd, "cd");
    usleep((useconds_t)(second * 1e6));
}

/* One recv(size) while a child sends. */
static void stream(const char *what, int lowat, size_t size, int flags)
{
    char buffer[100];
    int from, to;
    connect_pair(SOCK_STREAM, &from, &to);
    setsockopt(to, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat);
    double start = now();
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0) {
        two_and_two(from);
        _exit(0); /* without what stdout has not written yet */
    }
    close(from); /* the child's is the only one now: its end is the end */
    ssize_t n = recv(to, buffer, size, flags);
    printf("  %-25s %3zd bytes, at %.1f s\n", what, n, now() - start);
    close(to);
    kill(child, SIGKILL); /* what it would still send is for nobody */
    waitpid(child, NULL, 0);
}

static void datagram(int fd, size_t size)
{
    char buffer[101] = "";
    ssize_t n = recv(fd, buffer, size, 0);
    if (n < 0)
        err(1, "recv");
    printf("  %s %19zd bytes: \"%s\"\n", size < 10 ? "recv(4)  " :
           "recv(100)", n, buffer);
}

int main(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);

    printf("TCP: \"ab\" at 0.0 s, \"cd\" at %.1f s, the end at %.1f s\n",
           second, 2 * second);
    stream("recv(100)", 1, 100, 0);
    stream("SO_RCVLOWAT 4, recv(100)", 4, 100, 0);
    stream("MSG_WAITALL, recv(4)", 1, 4, MSG_WAITALL);
    stream("MSG_WAITALL, recv(100)", 1, 100, MSG_WAITALL);

    int from, to;
    connect_pair(SOCK_DGRAM, &from, &to);
    puts("UDP: \"hello, world\", then \"\", then \"next\"");
    give(from, "hello, world");
    give(from, "");
    give(from, "next");
    datagram(to, 4);
    datagram(to, 100);
    datagram(to, 100);
}
