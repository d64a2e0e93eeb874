/*
 * 02-nonblocking, the client: while the answer is "not yet", other work.
 *
 *     02-nonblocking/client [-p PORT]     type lines; Ctrl-D ends
 *
 * Look at exchange(): send() and recv() return at once, like connect() before
 * them, so there is time to do something else, and stderr tells how far that
 * came. The price: an answer lies there until we ask again.
 * The notes: 二. non-blocking IO, whose client blocks; this one does not.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LESSON "02-nonblocking"
#define USAGE "usage: " LESSON "/client [-p PORT (9002)]"

enum {
    DEFAULT_PORT = 9002,
    BLOCK_SIZE = 64 * 1024, /* bytes: the most read and sent at once */
    NAP = 1000,             /* us between two questions, or we would spin */
};

static double pi; /* as far as the other work has got */

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

/* The other work: 1,000 terms of Leibniz's series. Only a little at a time,
   for it is us who have to come back and ask. */
static void work_a_little(void)
{
    static double term = 4, odd = 1;
    for (int i = 0; i < 1000; i++, term = -term, odd += 2)
        pi += term / odd;
    usleep(NAP);
}

static void tell(const char *what, int times)
{
    fprintf(stderr, "%s %d time%s, other work done meanwhile: pi is %f\n",
            what, times, times == 1 ? "" : "s", pi);
}

/* Is the connection there? Only then it has a peer. (A second connect() would
   tell as well, but not the same on all systems.) Returns 0 or an errno. */
static int connect_result(int fd)
{
    struct sockaddr_in peer;
    int error = 0;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error });
    if (error == 0 && getpeername(fd, (struct sockaddr *)&peer,
                                  &(socklen_t){ sizeof peer }) < 0)
        error = EINPROGRESS;
    return error;
}

/* Set out for the server, and ask again and again whether we are there. */
static int begin_connect(int port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int asked = 0, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    int error;
    do
        error = connect(fd, (struct sockaddr *)&server, sizeof server) < 0
              ? errno : 0;
    while (error == EINTR);
    for (; error == EINPROGRESS || error == EALREADY; asked++) {
        work_a_little();
        error = connect_result(fd);
    }
    if (error != 0)
        errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
             "or name another one's port with -p", port, strerror(error));
    tell("connect: in progress, asked", asked);
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

/* Send the block and print its answer. To send need not be over before the
   answer begins, so the server and we never wait for each other. */
static void exchange(int fd, const char *block, size_t length)
{
    char answer[BLOCK_SIZE];
    int eagain_count = 0;
    for (size_t sent = 0, got = 0; got < length;) {
        ssize_t n = sent == length ? 0
                  : send(fd, block + sent, length - sent, 0);
        if (n < 0 && !not_now())
            server_gone(n);
        sent += n > 0 ? (size_t)n : 0;
        n = recv(fd, answer, sizeof answer, 0);
        if (n == 0 || (n < 0 && !not_now()))
            server_gone(n);
        if (n > 0) {
            print(answer, (size_t)n);
            got += (size_t)n;
        } else {
            eagain_count++;
            work_a_little();
        }
    }
    tell("recv: EAGAIN", eagain_count);
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
    int fd = begin_connect(port);
    greet(fd);

    static char block[BLOCK_SIZE];
    size_t length; /* read() may wait: for the keyboard there is no hurry */
    while ((length = read_input(block, sizeof block)) > 0)
        exchange(fd, block, length);
}
