/*
 * 01c-enough: how many bytes are enough for a recv() that waits?
 *
 *     make 01c    or:  01-blocking/steps/01c-enough [-s SECONDS (0.2)]
 *
 * Question: recv(fd, buffer, 100, 0) waits. Two bytes come now, two more 0.2 s
 * later. When does recv() return, and with how many bytes?
 * A child sends two bytes, after SECONDS two more, then it closes. Look at
 * when recv() returns, and with how many bytes: one byte is enough, unless the
 * program asks for more. A datagram arrives whole or not at all, and recv()
 * removes the whole of it: the kernel discards what does not fit into the
 * buffer. An empty datagram is a message too, not the end.
 * The notes: 一. blocking IO.
 *
 *     TCP: "ab" at 0.0 s, "cd" at 0.2 s, the end at 0.4 s
 *       recv(100)                   2 bytes, at 0.0 s
 *       SO_RCVLOWAT 4, recv(100)    4 bytes, at 0.2 s
 *       ...
 */
#include "step.h"

static void send_text(int fd, const char *string)
{
    check(send(fd, string, strlen(string), 0), "send");
}

/* One recv(size) while a child sends. */
static void stream(const char *call, int lowat, size_t size, int flags)
{
    char buffer[100];
    int ends[2];
    connect_pair(&ends[1], &ends[0]);
    setsockopt(ends[1], SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat);
    double start = now_ms();
    pid_t child = check(fork(), "fork");
    if (child == 0) {
        send_text(ends[0], "ab");
        nap(1);
        send_text(ends[0], "cd");
        nap(1);
        _exit(0); /* it closes the socket and does not flush stdout */
    }
    close(ends[0]); /* only the child has it now, and closes it as it ends */
    int n = check(recv(ends[1], buffer, size, flags), "recv");
    printf("  %-25s %3d bytes, at %.1f s\n", call, n,
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
    check(bind(fds[1], (struct sockaddr *)&address, size), "bind");
    getsockname(fds[1], (struct sockaddr *)&address, &size);
    check(connect(fds[0], (struct sockaddr *)&address, size), "connect");
}

static void datagram(const char *call, int fd, size_t size)
{
    char buffer[101] = "";
    int n = check(recv(fd, buffer, size, 0), "recv");
    printf("  %-25s %3d bytes: \"%s\"\n", call, n, buffer);
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
