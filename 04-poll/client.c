/*
 * 04-poll, the client: several connections, and one wait for all of them.
 *
 *     04-poll/client [-p PORT] [-c N]    type; Ctrl-D ends it
 *
 * Look at exchange(): each line goes out over all connections, and poll()
 * tells which of them has an answer, in whatever order they come.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LESSON "04-poll"
#define USAGE "usage: " LESSON "/client [-p PORT (9004)] [-c CONNECTIONS (3)]"

enum {
    DEFAULT_PORT = 9004,
    CONNECTIONS = 3,
    MAX_CONNECTIONS = 60000, /* about as many as there are local ports */
    MAX_FDS = 1024 * 1024,
    BLOCK_SIZE = 4096, /* bytes sent before the answer is read: the kernel's
                          buffers take more, so this can never lock up */
    PATIENCE_MS = 3000, /* without any answer */
};

struct connection {
    int fd;
    size_t got; /* bytes of the answer so far */
    char answer[BLOCK_SIZE];
};

static struct connection *connections;
static struct pollfd *fds; /* one for each */
static int n_connections = CONNECTIONS;

/* Ask for as many fds as the system allows; the usual 1,024 are a default. */
static void raise_fd_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MAX_FDS ? limit.rlim_max : MAX_FDS;
    setrlimit(RLIMIT_NOFILE, &limit);
}

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

/* Each line of the answer, with the number of its connection before it. */
static void print_answer(int number, const char *bytes, size_t length)
{
    while (length > 0) {
        const char *newline = memchr(bytes, '\n', length);
        size_t n = newline == NULL ? length : (size_t)(newline - bytes);
        printf("%d: ", number);
        fwrite(bytes, 1, n, stdout);
        putchar('\n');
        n += newline != NULL;
        bytes += n;
        length -= n;
    }
    fflush(stdout);
}

/* Something has come on connection I. Returns whether its answer, LENGTH
   bytes, is now complete. */
static int receive(int i, size_t length)
{
    struct connection *c = &connections[i];
    ssize_t n = recv(c->fd, c->answer + c->got, length - c->got, 0);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n <= 0)
        errx(1, "connection %d: the server has gone (recv: %s); %zu bytes "
             "are missing", i + 1, n == 0 ? "end of file" : strerror(errno),
             length - c->got);
    c->got += (size_t)n;
    if (c->got < length)
        return 0;
    print_answer(i + 1, c->answer, length);
    return 1;
}

/* Send the block over all connections and wait for all their answers. */
static void exchange(const char *block, size_t length)
{
    int waiting = n_connections;
    for (int i = 0; i < n_connections; i++) {
        connections[i].got = 0;
        write_all(connections[i].fd, block, length);
        fds[i] = (struct pollfd){ connections[i].fd, POLLIN, 0 };
    }
    while (waiting > 0) {
        int n = poll(fds, (nfds_t)n_connections, PATIENCE_MS);
        if (n < 0 && errno != EINTR)
            err(1, "poll");
        if (n == 0)
            errx(1, "%d of %d connections got no answer for %d s; does this "
                 "server serve one client at a time?", waiting,
                 n_connections, PATIENCE_MS / 1000);
        for (int i = 0; i < n_connections && n > 0; i++)
            if (fds[i].revents != 0 && receive(i, length)) {
                fds[i].fd = -1; /* poll() skips it */
                waiting--;
            }
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
    while ((option = getopt(argc, argv, "p:c:")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 1, 65535); break;
        case 'c': n_connections = number(optarg, 1, MAX_CONNECTIONS); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, USAGE);

    signal(SIGPIPE, SIG_IGN);
    raise_fd_limit();
    connections = calloc((size_t)n_connections, sizeof *connections);
    fds = calloc((size_t)n_connections, sizeof *fds);
    if (connections == NULL || fds == NULL)
        err(1, "no memory for %d connections", n_connections);
    for (int i = 0; i < n_connections; i++)
        connections[i].fd = connect_to(port);
    fprintf(stderr, "%d connections\n", n_connections);

    char block[BLOCK_SIZE];
    size_t length;
    while ((length = read_input(block, sizeof block)) > 0)
        exchange(block, length);
}
