/*
 * 01c-enough: how many bytes are enough for a recv() that waits?
 *
 *     make 01c                                     run it
 *     01-blocking/steps/01c-enough [-s SECONDS]    between two sends (0.2)
 *
 * A child sends two bytes, later two more, then it closes. Look at when recv()
 * returns, and with how many bytes: one byte is enough, unless the program
 * asks for more. A datagram arrives whole or not at all, and recv() removes
 * the whole of it: the kernel discards what does not fit into the buffer. An
 * empty datagram is a message too, not the end.
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
#include <sys/wait.h>
#include "step.h"

static void send_text(int fd, const char *string)
{
    if (send(fd, string, strlen(string), 0) < 0)
        err(1, "send");
}

/* One recv(size) while a child sends. */
static void stream(const char *call, int lowat, size_t size, int flags)
{
    char buffer[100];
    int ends[2];
    tcp_pair(ends);
    setsockopt(ends[1], SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat);
    double start = now_ms();
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0) {
        send_text(ends[0], "ab");
        nap(1);
        send_text(ends[0], "cd");
        nap(1);
        _exit(0); /* it closes the socket and does not flush stdout */
    }
    close(ends[0]); /* the last copy is the child's: it ends, and so does the
                       connection */
    ssize_t n = recv(ends[1], buffer, size, flags);
    printf("  %-25s %3zd bytes, at %.1f s\n", call, n,
           (now_ms() - start) / 1e3);
    close(ends[1]);
    kill(child, SIGKILL); /* do not wait for the rest */
    waitpid(child, NULL, 0);
}

/* Two UDP sockets: what FDS[0] sends, FDS[1] receives. */
static void udp_pair(int fds[2])
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    fds[0] = socket(AF_INET, SOCK_DGRAM, 0);
    fds[1] = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fds[1], (struct sockaddr *)&address, size) < 0 ||
        getsockname(fds[1], (struct sockaddr *)&address, &size) < 0 ||
        connect(fds[0], (struct sockaddr *)&address, size) < 0)
        err(1, "bind and connect");
}

static void datagram(const char *call, int fd, size_t size)
{
    char buffer[101] = "";
    ssize_t n = recv(fd, buffer, size, 0);
    if (n < 0)
        err(1, "recv");
    printf("  %-25s %3zd bytes: \"%s\"\n", call, n, buffer);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS between two sends (0.2)]");
    printf("TCP: \"ab\" at 0.0 s, \"cd\" at %.1f s, the end at %.1f s\n",
           step.second, 2 * step.second);
    stream("recv(100)", 1, 100, 0);
    stream("SO_RCVLOWAT 4, recv(100)", 4, 100, 0);
    stream("MSG_WAITALL, recv(4)", 1, 4, MSG_WAITALL);
    stream("MSG_WAITALL, recv(100)", 1, 100, MSG_WAITALL);

    int fds[2];
    udp_pair(fds);
    puts("UDP: \"hello, world\", then \"\", then \"next\"");
    send_text(fds[0], "hello, world");
    send_text(fds[0], "");
    send_text(fds[0], "next");
    datagram("recv(4)", fds[1], 4);
    datagram("recv(100)", fds[1], 100);
    datagram("recv(100)", fds[1], 100);
}
