/*
 * 02-nonblocking, the client: no socket call blocks; it works meanwhile.
 *
 *     02-nonblocking/client [-p PORT]     type lines; Ctrl-D ends
 *
 * Look at exchange(): send() and recv() return at once, as connect() does
 * before them. While there is no answer, the client does other work, and it
 * prints how far that work came. The price: an answer that has arrived waits
 * in the kernel until the client calls recv() again.
 * The notes: 二. non-blocking IO. Their client blocks; this one does not.
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
    BLOCK_SIZE = 64 * 1024, /* bytes: read and sent at once, at most */
    NAP = 1,                /* ms between two tries, or the CPU would spin */
};

static double pi; /* the result of the other work, so far */

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

/* The other work: 1,000 terms of Leibniz's series for pi. It is short, for
   nothing interrupts it when an answer arrives. */
static void work_a_little(void)
{
    static double term = 4, odd = 1;
    for (int i = 0; i < 1000; i++, term = -term, odd += 2)
        pi += term / odd;
    sleep_ms(NAP);
}

static void print_work(const char *what, int times)
{
    fprintf(stderr, "%s %d time%s; meanwhile pi is %f\n", what, times,
            times == 1 ? "" : "s", pi);
}

/* The result of a connect() that was in progress: 0, an errno, or EINPROGRESS
   again. A socket has a peer only when it is connected. */
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

/* Start to connect, and look again and again whether the connection is there.
   A connect() that a signal has interrupted goes on in the kernel, too. */
static int connect_meanwhile(int port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    int looks = 0, error = 0, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        error = errno;
    for (; error == EINPROGRESS || error == EINTR; looks++) {
        work_a_little();
        error = connect_result(fd);
    }
    if (error != 0)
        errx(1, "connect to 127.0.0.1:%d: %s; start " LESSON "/server, "
             "or give another server's port with -p", port, strerror(error));
    print_work("connect: in progress, looked", looks);
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

/* Send the block and print its answer. The client reads although it has not
   sent everything yet, so client and server never wait for each other. */
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
    print_work("recv: EAGAIN", eagain_count);
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
    int fd = connect_meanwhile(port);
    greet(fd);

    static char block[BLOCK_SIZE];
    size_t length; /* read() blocks: no answer is due while you type */
    while ((length = read_input(block, sizeof block)) > 0)
        exchange(fd, block, length);
}
