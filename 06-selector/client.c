/*
 * 06-selector, the client: a callback for the keyboard, one for the server.
 *
 *     06-selector/client [-p PORT]     type lines; Ctrl-D ends
 *
 * It does the same as the client of lesson 03. Look at on_keyboard() and
 * on_server(): each one handles its fd. The loop in main() does not name them;
 * it calls the callback of each fd that is ready.
 * The notes: selectors 模块.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "selector.h"

#define LESSON "06-selector"
#define USAGE "usage: " LESSON "/client [-p PORT (9006)]"

enum {
    DEFAULT_PORT = 9006,
    BLOCK_SIZE = 64 * 1024, /* bytes: the most that is read at once */
};

static char block[BLOCK_SIZE]; /* the last input */
static size_t typed, sent;     /* bytes in block, and how many are sent */
static long long due;          /* bytes of answers that are still to come */
static bool input_ended;
static struct selector *selector;

/* recv() returned 0 or -1, or send() returned -1: the connection has ended. */
static _Noreturn void server_gone(ssize_t result)
{
    errx(1, "the server has gone: %s",
         result == 0 ? "end of file" : strerror(errno));
}

/* A program may be started with fd 0, 1 or 2 closed. The next socket would get
   that number, and the log would go into it: open /dev/null there first. */
static void open_standard_fds(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    close(fd);
}

/* usleep() is not in POSIX any more. */
static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* A call on a non-blocking socket failed. Is it worth a new try later? */
static bool not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* A signal has interrupted connect(). The kernel connects all the same: wait
   until the socket is writable; then getsockopt() writes the result into errno
   (Stevens, UNIX Network Programming, 5.9). */
static bool finish_connect(int fd)
{
    struct pollfd writable = { .fd = fd, .events = POLLOUT };
    while (poll(&writable, 1, -1) < 0 && errno == EINTR)
        continue;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &(socklen_t){ sizeof errno });
    return errno == 0;
}

/* Connect to the server; block until the connection is there. */
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
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        !(errno == EINTR && finish_connect(fd)))
        errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
             "or give another server's port with -p", port, strerror(errno));
    return fd;
}

/* Read from stdin; block until there is something. Returns the bytes read: a
   line from a terminal, a block from a pipe; 0 is the end. The client never
   sets O_NONBLOCK on stdin, which it shares with the shell. If another process
   has set it, sleep between two tries. */
static size_t read_input(char *bytes, size_t size)
{
    ssize_t n;
    while ((n = read(STDIN_FILENO, bytes, size)) < 0)
        if (errno == EAGAIN)
            sleep_ms(10);
        else if (errno != EINTR)
            err(1, "stdin");
    return (size_t)n;
}

/* Write an answer to stdout as it is, and at once. */
static void print(const char *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) < length || fflush(stdout) != 0)
        err(1, "stdout");
}

/* Read what was typed. At the end of the input, half-close: the server answers
   all that it has received, then it closes. */
static void read_keyboard(int fd)
{
    typed = read_input(block, sizeof block);
    sent = 0;
    due += (long long)typed;
    input_ended = typed == 0;
    if (input_ended)
        shutdown(fd, SHUT_WR);
}

/* Send as much of the block as the kernel has room for. */
static void send_rest(int fd)
{
    ssize_t n = send(fd, block + sent, typed - sent, 0);
    if (n < 0 && !not_now())
        server_gone(n);
    sent += n > 0 ? (size_t)n : 0;
}

/* Print what has arrived. Returns false at the end of the connection, if the
   input has ended and the server has answered all of it. */
static bool read_server(int fd)
{
    char answer[BLOCK_SIZE];
    ssize_t n = recv(fd, answer, sizeof answer, 0);
    if (n < 0 && not_now())
        return true;
    if (n <= 0 && input_ended && due <= 0)
        return false;
    if (n <= 0)
        server_gone(n);
    print(answer, (size_t)n);
    due -= n;
    return true;
}

static void on_keyboard(const struct selector_key *key, int ready);
static void on_server(const struct selector_key *key, int ready);

/* Set the events to wait for. While a part of the block is not sent, the
   client does not read the keyboard: this is back-pressure. Both keys point to
   the server's fd, because both callbacks need it. */
static void watch(int *server_fd)
{
    bool rest = sent < typed;
    selector_modify(selector, *server_fd, SELECTOR_READ |
                    (rest ? SELECTOR_WRITE : 0), on_server, server_fd);
    selector_modify(selector, STDIN_FILENO, rest || input_ended ? 0 :
                    SELECTOR_READ, on_keyboard, server_fd);
}

/* The keyboard is readable. */
static void on_keyboard(const struct selector_key *key, int ready)
{
    int *server_fd = key->data;
    (void)ready;
    read_keyboard(*server_fd);
    if (sent < typed)
        send_rest(*server_fd); /* there is room, nearly always */
    watch(server_fd);
}

/* The server's socket is readable, writable or both. */
static void on_server(const struct selector_key *key, int ready)
{
    if ((ready & SELECTOR_READ) != 0 && !read_server(key->fd))
        exit(0);
    if ((ready & SELECTOR_WRITE) != 0)
        send_rest(key->fd);
    watch(key->data);
}

/* Open a selector with this backend in the place of the last one, if any, and
   register both fds. Returns false after an error, and sets errno. With
   client < FILE, epoll fails: it cannot watch a regular file. */
static bool open_with(const char *backend, int *server_fd)
{
    selector_close(selector);
    selector = selector_open(backend);
    return selector != NULL &&
           selector_register(selector, *server_fd, SELECTOR_READ, on_server,
                             server_fd) == 0 &&
           selector_register(selector, STDIN_FILENO, SELECTOR_READ,
                             on_keyboard, server_fd) == 0;
}

/* On a terminal, print the address that stands in the server's log. */
static void greet(int fd)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    if (isatty(STDIN_FILENO) &&
        getsockname(fd, (struct sockaddr *)&own, &size) == 0)
        warnx("connected as 127.0.0.1:%d; type lines, Ctrl-D ends",
              ntohs(own.sin_port));
}

/* An option's number, from LEAST to MOST. */
static int parse_number(const char *text, int least, int most)
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
        case 'p': port = parse_number(optarg, 1, 65535); break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    int fd = connect_to(port);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    greet(fd);

    /* poll can watch every file; the best backend perhaps cannot */
    if (!open_with(NULL, &fd) && !open_with("poll", &fd))
        err(1, "selector");

    for (;;) {
        struct selector_key key;
        int ready;
        if (selector_select(selector, -1) < 0)
            err(1, "selector_select");
        while ((ready = selector_next(selector, &key)) != 0)
            key.callback(&key, ready);
    }
}
