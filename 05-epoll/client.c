/*
 * 05-epoll, the client: thousands of connections, and one wait for all.
 *
 *     05-epoll/client [-p PORT] [-c N]   type; Ctrl-D ends it
 *
 * Look at exchange(): each line goes out over all connections, and
 * epoll_wait() returns those that have an answer; nobody walks the others.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LESSON "05-epoll"
#define USAGE "usage: " LESSON "/client [-p PORT (9005)] " \
              "[-c CONNECTIONS (1000)]"

enum {
    DEFAULT_PORT = 9005,
    CONNECTIONS = 1000,
    MAX_CONNECTIONS = 60000, /* about as many as there are local ports */
    MAX_FDS = 1024 * 1024,
    BLOCK_SIZE = 4096, /* bytes sent before the answer is read: the kernel's
                          buffers take more, so this can never lock up */
    PATIENCE_MS = 3000, /* without any answer */
    BATCH = 256,        /* ready fds told per epoll_wait() */
};

struct connection {
    int fd;
    size_t got; /* bytes of the answer so far */
    bool wrong; /* some of them are */
};

static struct connection *connections;
static int epoll_fd;
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

/* a-z become A-Z, every other byte stays. There is no if in the loop, so the
   compiler can work on 16 bytes at once instead of guessing at each. (Inlined
   into main(), which runs but once, gcc does not take that trouble.) */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
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

/* "text\n", with what is no text escaped, and cut if it is long. */
static void print_quoted(const char *bytes, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length && i < 20; i++)
        if (bytes[i] == '\n')
            fputs("\\n", stdout);
        else if (' ' <= bytes[i] && bytes[i] <= '~')
            putchar(bytes[i]);
        else
            printf("\\x%02x", (unsigned char)bytes[i]);
    fputs(length > 20 ? "...\"" : "\"", stdout);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Something has come on connection I; WANTED, LENGTH bytes, ought to. Returns
   whether that is now complete. */
static int receive(int i, const char *wanted, size_t length)
{
    static char answer[BLOCK_SIZE];
    struct connection *c = &connections[i];
    ssize_t n = recv(c->fd, answer, length - c->got, 0);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n <= 0)
        errx(1, "connection %d: the server has gone (recv: %s); %zu bytes "
             "are missing", i + 1, n == 0 ? "end of file" : strerror(errno),
             length - c->got);
    c->wrong |= memcmp(answer, wanted + c->got, (size_t)n) != 0;
    c->got += (size_t)n;
    return c->got == length;
}

/* Send the block over all connections and wait for all their answers.
   Returns how many of them were wrong. */
static int exchange(const char *block, size_t length)
{
    struct epoll_event ready[BATCH];
    char wanted[BLOCK_SIZE];
    int waiting = n_connections, wrong = 0;
    memcpy(wanted, block, length);
    upper(wanted, length);
    for (int i = 0; i < n_connections; i++) {
        connections[i].got = 0;
        connections[i].wrong = false;
        write_all(connections[i].fd, block, length);
    }
    while (waiting > 0) {
        int n = epoll_wait(epoll_fd, ready, BATCH, PATIENCE_MS);
        if (n < 0 && errno != EINTR)
            err(1, "epoll_wait");
        if (n == 0)
            errx(1, "%d of %d connections got no answer for %d s; does this "
                 "server serve one client at a time?", waiting,
                 n_connections, PATIENCE_MS / 1000);
        for (int i = 0; i < n; i++)
            if (receive((int)ready[i].data.u32, wanted, length)) {
                wrong += connections[ready[i].data.u32].wrong;
                waiting--;
            }
    }
    return wrong;
}

/* The same, and print what came of it. Returns how many were wrong. */
static int try(const char *block, size_t length)
{
    double began = now_ms();
    int wrong = exchange(block, length);
    printf("%d answers to ", n_connections);
    print_quoted(block, length);
    if (wrong == 0)
        printf(", all right, %.1f ms\n", now_ms() - began);
    else
        printf(", %d of them wrong\n", wrong);
    fflush(stdout);
    return wrong;
}

/* One more connection; epoll is told of it once, here. */
static void add_connection(int i, int port)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
    connections[i].fd = connect_to(port);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connections[i].fd, &event) < 0)
        err(1, "epoll_ctl");
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
    epoll_fd = epoll_create1(0);
    if (connections == NULL || epoll_fd < 0)
        err(1, "no memory for %d connections", n_connections);
    for (int i = 0; i < n_connections; i++)
        add_connection(i, port);
    fprintf(stderr, "%d connections\n", n_connections);

    char block[BLOCK_SIZE];
    size_t length;
    int wrong = 0;
    while ((length = read_input(block, sizeof block)) > 0)
        wrong += try(block, length);
    return wrong == 0 ? 0 : 1;
}
