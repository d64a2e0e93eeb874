/*
 * 01-blocking, the client: read a line, send it, wait for the answer.
 *
 *     01-blocking/client [-p PORT]       type; Ctrl-D ends it
 *
 * Look at main(): one thing after the other. While it waits for the keyboard
 * it does not notice that the server has gone, and while it waits for the
 * server it is deaf to the keyboard. Lesson 03 listens to both.
 * The notes: 测试的客户端 (the client to test with), 5 实例 (its client).
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "01-blocking"
#define USAGE "usage: " LESSON "/client [-p PORT (9001)]"

enum {
    DEFAULT_PORT = 9001,
    BLOCK_SIZE = 4096, /* bytes sent before the answer is read: the kernel's
                          buffers take more, so this can never lock up */
};

/* A connection to the server on this machine. */
static int connect_to(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        errx(1, "connect to 127.0.0.1:%d: %s; start a server there, like "
             "%s/server, or name its port with -p", port, strerror(errno),
             LESSON);
    return fd;
}

/* All of it, to a socket or to the screen. */
static void write_all(int fd, const char *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, bytes + done, length - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            err(1, fd == STDOUT_FILENO ? "standard output"
                                    : "the server has gone: send");
    }
}

/* What was typed: a line, or a block if it comes from a pipe. 0: the end. */
static size_t read_input(char *bytes, size_t size)
{
    ssize_t n;
    while ((n = read(STDIN_FILENO, bytes, size)) < 0)
        if (errno != EINTR)
            err(1, "standard input");
    return (size_t)n;
}

/* Wait for LENGTH bytes of answer, and print them as they come. */
static void print_answer(int fd, size_t length)
{
    char bytes[BLOCK_SIZE];
    while (length > 0) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            errx(1, "the server has gone (recv: %s); %zu bytes are missing",
                 n == 0 ? "end of file" : strerror(errno), length);
        write_all(STDOUT_FILENO, bytes, (size_t)n);
        length -= (size_t)n;
    }
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

    signal(SIGPIPE, SIG_IGN);
    int fd = connect_to(port);
    char bytes[BLOCK_SIZE];
    size_t length;
    while ((length = read_input(bytes, sizeof bytes)) > 0) {
        write_all(fd, bytes, length);
        print_answer(fd, length);
    }
}
