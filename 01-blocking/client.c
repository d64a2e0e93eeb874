/*
 * 01-blocking, the client: read, send, wait, print; one after the other.
 *
 *     01-blocking/client [-p PORT]     type lines; Ctrl-D ends
 *
 * Look at main(): each call sleeps until it is done, and whoever sleeps in
 * one cannot see what the others would tell. Stop the server while this waits
 * for the keyboard: it does not notice before you type. (03 does.)
 * The notes: 测试的客户端 (the client to test with), put right.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "01-blocking"
#define USAGE "usage: " LESSON "/client [-p PORT (9001)]"

enum {
    DEFAULT_PORT = 9001,
    BLOCK_SIZE = 32 * 1024, /* bytes sent before we read: if more than the
                               kernel holds, both sides would wait to send */
};

/* A recv() or send() returned this and there is no going on: 0, or -1. */
static _Noreturn void server_gone(ssize_t result)
{
    errx(1, "the server has gone: %s",
         result == 0 ? "end of file" : strerror(errno));
}

/* Connect to the server, and wait until that is done. */
static int connect_to(int port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    while (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        if (errno != EINTR)
            errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
                 "or name another one's port with -p", port, strerror(errno));
    return fd;
}

/* Wait for what is typed: a line at a terminal, a block from a pipe; 0 is its
   end. We never make stdin non-blocking, for the shell shares it with us. If
   another program has done so, a nap is better than a spin. */
static size_t read_input(char *bytes, size_t size)
{
    ssize_t n;
    while ((n = read(STDIN_FILENO, bytes, size)) < 0)
        if (errno == EAGAIN)
            usleep(10000);
        else if (errno != EINTR)
            err(1, "stdin");
    return (size_t)n;
}

/* Send all of it. send() waits for room, but may still stop half-way. */
static bool send_all(int fd, const char *bytes, size_t length)
{
    for (size_t sent = 0; sent < length;) {
        ssize_t n = send(fd, bytes + sent, length - sent, 0);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* Answers go to stdout as they are, and at once. */
static void print(const char *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) < length || fflush(stdout) != 0)
        err(1, "stdout");
}

/* At a terminal: who we are in the server's log. */
static void greet(int fd)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    if (isatty(STDIN_FILENO) &&
        getsockname(fd, (struct sockaddr *)&own, &size) == 0)
        warnx("connected as 127.0.0.1:%d; type lines, Ctrl-D ends",
              ntohs(own.sin_port));
}

static int number(const char *text, int least, int most)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        errx(2, "'%s' is not a number from %d to %d\n%s", text, least, most,
             USAGE);
    return (int)n;
}

int main(int argc, char **argv)
{
    int port = DEFAULT_PORT;
    int option;
    while ((option = getopt(argc, argv, "p:")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 1, 65535); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    int fd = connect_to(port);
    greet(fd);

    for (;;) {
        char block[BLOCK_SIZE];
        size_t due = read_input(block, sizeof block); /* waits for you */
        if (due == 0)
            return 0;
        if (!send_all(fd, block, due)) /* waits for room */
            server_gone(-1);
        while (due > 0) {
            ssize_t n = recv(fd, block, due, 0); /* waits for the server */
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                server_gone(n);
            print(block, (size_t)n);
            due -= (size_t)n;
        }
    }
}
