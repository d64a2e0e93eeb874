/*
 * 02b-other-work: nobody waits, so between two questions there is other work.
 *
 *     make 02b                                     watch it play a scene
 *     02-nonblocking/steps/02b-other-work [-p PORT (6667)] [-s SECONDS (0.2)]
 *                                         [-b]     or run it by itself
 *
 * SECONDS is how long one second of the notes lasts: they ask every 4. Look at
 * hear() and pay(): neither waits, so the server has a table of clients, and
 * for each a buffer with what it owes, because send() may leave some of it. A
 * client is not read from while it is owed anything.
 * The notes: 二. non-blocking IO. Theirs lets the accepted socket block, and
 * so does -b: then one silent client stops the work and everybody else.
 *
 *     fd 4: accept
 *     fd 4: recv: 6 bytes, there for up to 800 ms
 *     fd 4: send: 6 of 6 bytes
 *     2 naps, 8 times in vain, 239 primes, 0.2 ms of CPU
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
#include <time.h>
#include <unistd.h>

#define LESSON "02-nonblocking/steps/02b-other-work"
#define USAGE "usage: " LESSON " [-p PORT (6667; 0: any free)] " \
              "[-s SECONDS (0.2)] [-b (what it accepts blocks)]"

#define LOG(...) (printf("%s:%d: ", __FILE__, __LINE__), \
                  printf(__VA_ARGS__), putchar('\n'))

enum {
    MAX_FDS = 1024,   /* who gets an fd beyond is sent away */
    ROOM = 16 * 1024, /* bytes: one turn's read, and the most owed */
};

struct client {
    bool open;
    double asked;      /* when it had nothing for us, in ms; or came */
    size_t owed;       /* bytes in buffer: read, and not sent yet */
    char buffer[ROOM];
};

static struct client clients[MAX_FDS]; /* by fd */
static bool accepted_blocks;           /* -b */
static int primes;                     /* the other work has found so many */

/* Listen on 127.0.0.1 and say so; port 0 is any free one. */
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
        listen(listener, SOMAXCONN) < 0)
        errx(1, "bind and listen, port %d: %s; another server? "
             "-p 0 takes any free port", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf(LESSON ": listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    return listener;
}

/* a-z become A-Z, every other byte stays. There is no if in the loop, so the
   compiler can work on 16 bytes at once instead of guessing at each. (Inlined
   into main(), which runs but once, gcc does not take that trouble.) */
static __attribute__((noinline)) void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

static double ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The other work: look for primes, a thousand numbers further each time. Only
   a little at once, for nobody but us will come back and ask. */
static void work_a_little(void)
{
    static long below; /* this it has come */
    for (long end = below + 1000; below < end; below++) {
        long i = 2;
        while (i * i <= below && below % i != 0)
            i++;
        primes += below > 1 && i * i > below;
    }
}

static bool not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static bool accept_client(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        if (!not_now())
            LOG("accept: %s", strerror(errno));
        return false;
    }
    LOG("fd %d: accept%s", fd, fd < MAX_FDS ? "" : ", and sent away");
    if (fd >= MAX_FDS) {
        close(fd);
        return true;
    }
    fcntl(fd, F_SETFL, accepted_blocks ? 0 : O_NONBLOCK);
    clients[fd].open = true;
    clients[fd].owed = 0;
    clients[fd].asked = ms(CLOCK_MONOTONIC);
    return true;
}

/* Read once, and owe the answer. Returns whether anything came of it. */
static bool hear(int fd)
{
    struct client *c = &clients[fd];
    double asked = c->asked;
    c->asked = ms(CLOCK_MONOTONIC);
    ssize_t n = recv(fd, c->buffer, ROOM, 0);
    if (n < 0 && not_now())
        return false;
    if (n <= 0) {
        LOG("fd %d: recv: %s", fd, n < 0 ? strerror(errno) : "end of file");
        c->open = false;
        close(fd);
        return true;
    }
    LOG("fd %d: recv: %zd bytes, there for up to %.0f ms", fd, n,
        c->asked - asked);
    upper(c->buffer, (size_t)n);
    c->owed = (size_t)n;
    return true;
}

/* Send what is owed, or as much as there is room for. */
static bool pay(int fd)
{
    struct client *c = &clients[fd];
    ssize_t n = send(fd, c->buffer, c->owed, 0);
    if (n < 0 && not_now())
        return false;
    if (n < 0) {
        LOG("fd %d: send: %s", fd, strerror(errno));
        c->open = false;
        close(fd);
        return true;
    }
    LOG("fd %d: send: %zd of %zu bytes", fd, n, c->owed);
    c->owed -= (size_t)n;
    memmove(c->buffer, c->buffer + n, c->owed);
    return true;
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
    int port = 6667;
    double second = 0.2;
    int option;
    while ((option = getopt(argc, argv, "p:s:b")) != -1)
        switch (option) {
        case 'p': port = number(optarg, 0, 65535); break;
        case 's': second = atof(optarg); break;
        case 'b': accepted_blocks = true; break;
        default: errx(2, USAGE);
        }
    if (optind < argc || !(second >= 0.001 && second <= 60))
        errx(2, USAGE);
    struct timespec nap = { .tv_sec = (time_t)(4 * second) };
    nap.tv_nsec = (long)((4 * second - (double)nap.tv_sec) * 1e9);

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* or a send() to one who left would kill us */
    int listener = listen_on(port);
    fcntl(listener, F_SETFL, O_NONBLOCK);

    int naps = 0, in_vain = 0;
    double cpu = ms(CLOCK_PROCESS_CPUTIME_ID);
    for (;;) {
        bool happened = accept_client(listener);
        in_vain += !happened;
        for (int fd = listener + 1; fd < MAX_FDS; fd++) {
            if (!clients[fd].open)
                continue;
            bool did = clients[fd].owed > 0 ? pay(fd) : hear(fd);
            happened |= did;
            in_vain += !did;
        }
        if (happened && naps > 0) {
            LOG("%d naps, %d times in vain, %d primes, %.1f ms of CPU", naps,
                in_vain, primes, ms(CLOCK_PROCESS_CPUTIME_ID) - cpu);
            naps = in_vain = primes = 0;
            cpu = ms(CLOCK_PROCESS_CPUTIME_ID);
        } else if (!happened) {
            work_a_little();
            nanosleep(&nap, NULL);
            naps++;
        }
    }
}
