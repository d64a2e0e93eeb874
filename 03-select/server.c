/*
 * 03-select: one process, many clients; select() sleeps until one is ready.
 *
 *     make 03-select                     watch it play a scene
 *     03-select/server [-p PORT] [-q]    or run it by itself
 *
 * Look at main(): in each round the process gives all its sockets to select()
 * and sleeps in this call. Then it tests each socket: is it ready? No other
 * call blocks but the log's printf(), when nobody reads the pipe it goes to.
 * The notes: 小结 - 最终版本 (the final version), put right.
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
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LESSON "03-select"
#define USAGE "usage: " LESSON "/server [-p PORT (9003; 0: any free)] " \
              "[-q (no log)]"

enum {
    DEFAULT_PORT = 9003,
    BACKLOG = 4096, /* clients that may wait for accept(); the kernel has a
                       limit of its own, net.core.somaxconn on Linux */
    BUFFER_SIZE = 64 * 1024, /* bytes: one recv() takes no more than this */
    MAX_FDS = 1024 * 1024,   /* entries of clients[]; an unused one costs no
                                memory */
    RETRY_MS = 10,           /* from a failed accept() to the next try */
};

struct client {
    bool open;
    char name[sizeof "255.255.255.255:65535"]; /* for the log */
    char *pending; /* the rest of an answer, still to be sent; or NULL */
    size_t pending_size;
};

/* A turn is what the server does for one client in one round. Its result: */
enum turn { PROGRESS, WOULD_BLOCK, GONE };

static struct client clients[MAX_FDS]; /* by fd, the listener included */
static int highest_fd;                 /* the highest one that is open */
static bool out_of_fds;    /* no free fd: no accept() until a client closes */
static bool accept_failed; /* another error: no accept() for one round */
static bool quiet;

/* A log line: its place in this file, and what happened there. */
#define LOG(format, ...) \
    ((void)(quiet || printf("%s:%d: " format "\n", \
                            __FILE__, __LINE__, __VA_ARGS__)))

/* SIGINT and SIGTERM. The kernel frees all sockets and memory when the process
   ends, so the handler may interrupt anything; it calls only functions that
   are safe in a handler (signal-safety(7)). If the log is a full pipe that
   nobody reads, write() would block: then poll() returns 0, and the process
   ends without "bye". */
static void say_bye(int signal_number)
{
    struct pollfd log = { .fd = STDOUT_FILENO, .events = POLLOUT };
    (void)signal_number;
    if (poll(&log, 1, 0) == 1 && write(STDOUT_FILENO, "bye\n", 4) < 4)
        _exit(1);
    _exit(0);
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

/* Listen on 127.0.0.1 and print the port. Port 0 is any free one. With
   SO_REUSEADDR, old connections in TIME_WAIT do not make bind() fail. */
static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0)
        err(1, "socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, BACKLOG) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%s: listening on 127.0.0.1:%d\n", LESSON, ntohs(address.sin_port));
    return listener;
}

/* Raise the limit of open files to the hard limit; 1,024 is only a default. */
static void raise_fd_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MAX_FDS ? limit.rlim_max : MAX_FDS;
    while (setrlimit(RLIMIT_NOFILE, &limit) < 0 && limit.rlim_cur > 1024)
        limit.rlim_cur /= 2; /* macOS allows less than its hard limit */
}

/* a-z become A-Z. There is no "if" in it, so the compiler can change many
   bytes at once: see lesson 01. */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

/* accept() failed, and errno says why. EMFILE: this process has no free fd. If
   it has clients, it does not call accept() again before one of them closes.
   Any other error may be over soon, but no event says so: the process does not
   call accept() for one round, and then tries again. */
static void accept_error(int listener)
{
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return; /* nothing is wrong */
    out_of_fds = errno == EMFILE && highest_fd > listener;
    accept_failed = !out_of_fds;
    LOG("accept: %s", strerror(errno));
}

/* Accept one client from the backlog. Returns its fd, or -1 if accept()
   failed. On some systems (not on Linux) a client may leave the backlog before
   that: a blocking accept() would sleep until the next client comes.
   TCP_NODELAY: the kernel sends small answers at once. */
static int accept_client(int listener)
{
    struct sockaddr_in peer = { .sin_port = 0 };
    socklen_t size = sizeof peer;
    int fd = accept(listener, (struct sockaddr *)&peer, &size);
    if (fd < 0) {
        accept_error(listener);
        return -1;
    }

    struct client *c = &clients[fd];
    c->open = true;
    snprintf(c->name, sizeof c->name, "%s:%d", inet_ntoa(peer.sin_addr),
             ntohs(peer.sin_port));
    highest_fd = fd > highest_fd ? fd : highest_fd;
    fcntl(fd, F_SETFL, O_NONBLOCK); /* on Linux, accept() leaves it unset */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    LOG("%s: accept: fd %d", c->name, fd);
    return fd;
}

static void close_client(int fd)
{
    LOG("%s: close", clients[fd].name);
    close(fd);
    free(clients[fd].pending);
    clients[fd] = (struct client){ .open = false };
    while (!clients[highest_fd].open)
        highest_fd--;
    out_of_fds = false;
}

static bool wants_write(int fd)
{
    return clients[fd].pending != NULL;
}

/* A call for this client failed, and errno says why. EAGAIN: it would block.
   EINTR: a signal interrupted it; the server will call it again. Any other
   error: this client is gone, and the other clients are not concerned. */
static enum turn handle_error(int fd, const char *call)
{
    if (errno == EAGAIN)
        return WOULD_BLOCK;
    if (errno == EINTR)
        return PROGRESS;
    LOG("%s: %s: %s", clients[fd].name, call, strerror(errno));
    return GONE;
}

/* Send as many bytes as the kernel has room for, and keep the rest: it is
   pending. BYTES may be the pending bytes themselves (see flush). */
static enum turn answer(int fd, const char *bytes, size_t length)
{
    struct client *c = &clients[fd];
    ssize_t n = send(fd, bytes, length, 0);
    size_t sent = n < 0 ? 0 : (size_t)n;
    enum turn turn = n < 0 ? handle_error(fd, "send") : PROGRESS;
    if (turn == GONE || (turn == WOULD_BLOCK && bytes == c->pending))
        return turn; /* there is nothing new to log or to keep */
    LOG("%s: send: %zu of %zu bytes", c->name, sent, length);
    if (sent == length) {
        free(c->pending);
        c->pending = NULL;
        return PROGRESS;
    }
    if (c->pending == NULL && (c->pending = malloc(BUFFER_SIZE)) == NULL)
        return handle_error(fd, "malloc");
    c->pending_size = length - sent;
    memmove(c->pending, bytes + sent, c->pending_size);
    return turn;
}

static enum turn flush(int fd)
{
    return answer(fd, clients[fd].pending, clients[fd].pending_size);
}

/* Read once, and answer. */
static enum turn read_client(int fd)
{
    static char buffer[BUFFER_SIZE]; /* for all clients, one after another */
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0)
        return handle_error(fd, "recv");
    LOG("%s: recv: %zd bytes%s", clients[fd].name, n,
        n == 0 ? " (end of file)" : "");
    if (n == 0)
        return GONE;
    upper(buffer, (size_t)n);
    return answer(fd, buffer, (size_t)n);
}

/* One turn. The server does not read from a client that has bytes pending, so
   a client that never reads costs one buffer and no more. */
static enum turn serve(int fd)
{
    return wants_write(fd) ? flush(fd) : read_client(fd);
}

/* Fill the two sets: select() overwrites them, so they are new each round. (No
   client has an fd below the listener's: those are all in use already.) The
   third set of select() is for urgent data. On an error a socket is readable
   and writable, and recv() or send() returns the error. */
static void watch(int listener, fd_set *readable, fd_set *writable)
{
    FD_ZERO(readable);
    FD_ZERO(writable);
    for (int fd = listener; fd <= highest_fd; fd++)
        if (clients[fd].open)
            FD_SET(fd, wants_write(fd) ? writable : readable);
    if (out_of_fds || accept_failed)
        FD_CLR(listener, readable);
}

/* The listener is readable. An fd_set has bits for the fds below FD_SETSIZE.
   FD_SET() does not check: with a higher fd it would write into other memory.
   So the server closes a client that has a higher fd. */
static void on_accept(int listener)
{
    int fd = accept_client(listener);
    if (fd < FD_SETSIZE)
        return;
    LOG("%s: refused: FD_SETSIZE is %d", clients[fd].name, FD_SETSIZE);
    close_client(fd);
}

/* The wait failed. EINTR: a signal came. ENOMEM: the kernel has no memory for
   the wait now; sleep, and try again. Another errno is a bug in the server. */
static void wait_error(const char *call)
{
    if (errno == ENOMEM)
        sleep_ms(RETRY_MS);
    else if (errno != EINTR)
        err(1, "%s", call);
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
    while ((option = getopt(argc, argv, "p:q")) != -1)
        switch (option) {
        case 'p': port = parse_number(optarg, 0, 65535); break;
        case 'q': quiet = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc)
        errx(2, "unexpected argument '%s'\n%s", argv[optind], USAGE);

    open_standard_fds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* a send() to a reset socket fails: EPIPE */
    signal(SIGINT, say_bye);
    signal(SIGTERM, say_bye);
    raise_fd_limit();
    int listener = highest_fd = listen_on(port);
    if (listener >= FD_SETSIZE)
        errx(1, "fd %d is not below FD_SETSIZE, %d", listener, FD_SETSIZE);
    clients[listener].open = true;
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() must not block */

    for (;;) {
        fd_set readable, writable;
        watch(listener, &readable, &writable);
        int nfds = highest_fd + 1;
        struct timeval retry = { .tv_usec = RETRY_MS * 1000 };
        int n = select(nfds, &readable, &writable, NULL,
                       accept_failed ? &retry : NULL);
        accept_failed = false;
        if (n < 0) {
            wait_error("select");
            continue;
        }
        LOG("select: %d ready, nfds %d", n, nfds);
        for (int fd = listener; fd < nfds; fd++) {
            if (!FD_ISSET(fd, &readable) && !FD_ISSET(fd, &writable))
                continue;
            if (fd == listener)
                on_accept(listener);
            else if (serve(fd) == GONE)
                close_client(fd);
        }
    }
}
