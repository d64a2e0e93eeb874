/*
 * 02-nonblocking, the client: never waits; it asks, and does other work.
 *
 *     02-nonblocking/client [-p PORT]    type; Ctrl-D ends it
 *
 * Look at begin_connect() and print_answer(): each call answers at once, and
 * "not yet" is an answer too. What the client does meanwhile, it tells on
 * stderr. (The keyboard it does wait for: stdin belongs to the shell as well,
 * and O_NONBLOCK would stay on it when we have gone.)
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "02-nonblocking"
#define USAGE "usage: " LESSON "/client [-p PORT (9002)]"

enum {
    DEFAULT_PORT = 9002,
    BLOCK_SIZE = 4096, /* bytes sent before the answer is read: the kernel's
                          buffers take more, so this can never lock up */
};

/* The other work: look for the next prime number, and rest a little. */
static unsigned long next_prime(void)
{
    static unsigned long prime = 1;
    for (bool divided = true; divided;) {
        prime++;
        divided = false;
        for (unsigned long d = 2; d * d <= prime && !divided; d++)
            divided = prime % d == 0;
    }
    usleep(1000); /* without it, asking would take all of the CPU */
    return prime;
}

/* Connect, and do other work until it is done: connect() once more tells. */
static int begin_connect(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int vain = 0, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (errno == EISCONN)
            break;
        if (errno != EINPROGRESS && errno != EALREADY && errno != EINTR)
            errx(1, "connect to 127.0.0.1:%d: %s; start a server there, like "
                 "%s/server, or name its port with -p", port,
                 strerror(errno), LESSON);
        vain++;
        next_prime();
    }
    fprintf(stderr, "connected, after %d times \"not yet\"\n", vain);
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

/* Send all, and print LENGTH bytes of answer; do other work at each EAGAIN. */
static void print_answer(int fd, const char *bytes, size_t length)
{
    char answer[BLOCK_SIZE];
    size_t sent = 0, got = 0;
    unsigned long vain = 0, prime = 0;
    while (got < length) {
        ssize_t out = sent == length ? 0
                    : send(fd, bytes + sent, length - sent, 0);
        sent += out > 0 ? (size_t)out : 0;
        ssize_t in = out < 0 && errno != EAGAIN && errno != EINTR ? out
                   : recv(fd, answer, sizeof answer, 0);
        if (in > 0) {
            write_all(STDOUT_FILENO, answer, (size_t)in);
            got += (size_t)in;
        } else if (in < 0 && (errno == EAGAIN || errno == EINTR)) {
            vain++;
            prime = next_prime();
        } else {
            errx(1, "the server has gone (%s); %zu bytes are missing",
                 in == 0 ? "end of file" : strerror(errno), length - got);
        }
    }
    fprintf(stderr, "the answer came after %lu times EAGAIN", vain);
    fprintf(stderr, vain == 0 ? "\n" : "; meanwhile I got to the prime "
            "number %lu\n", prime);
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
    int fd = begin_connect(port);
    char bytes[BLOCK_SIZE];
    size_t length;
    while ((length = read_input(bytes, sizeof bytes)) > 0)
        print_answer(fd, bytes, length);
}
