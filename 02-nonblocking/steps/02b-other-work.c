/*
 * 02b-other-work: no call blocks, so between two rounds there is other work.
 *
 *     make 02b        watch it play a scene; to run it by itself:
 *     02-nonblocking/steps/02b-other-work [-p PORT (6667)] [-s SECONDS] [-bq]
 *
 * SECONDS (0.2) is one second of the notes, which nap for four of them between
 * two rounds. Look at read_client() and flush(): neither waits, so each client
 * has a buffer of pending bytes, because send() may leave some. The server
 * does not read from a client that has bytes pending.
 * The notes: 二. non-blocking IO. There the accepted socket blocks, as it does
 * here with -b: then one silent client stops the work and all other clients.
 *
 *     fd 4: recv: 6 bytes, there for up to 800 ms
 *     fd 4: send: 6 of 6 bytes
 *     2 naps, 8 times EAGAIN, 239 primes, 0.2 ms of CPU
 */
#include "step.h"

enum {
    MAX_FDS = 1024,          /* the server closes a client with a higher fd */
    BUFFER_SIZE = 16 * 1024, /* bytes: one recv() takes no more than this */
};

struct client {
    bool open;
    double asked_at;     /* ms: the last recv(), or accept() */
    size_t pending_size; /* bytes in the buffer: read, and not sent yet */
    char buffer[BUFFER_SIZE];
};

static struct client clients[MAX_FDS]; /* by fd */
static int naps, eagain_count, primes; /* since the last log line of them */

/* The other work: test the next thousand numbers for primes. It is short, for
   nothing interrupts it when a client sends. */
static void work_a_little(void)
{
    static long next;
    for (long end = next + 1000; next < end; next++) {
        long i = 2;
        while (i * i <= next && next % i != 0)
            i++;
        primes += next > 1 && i * i > next;
    }
}

static void print_work(void)
{
    static double cpu_before;
    LOG("%d naps, %d times EAGAIN, %d primes, %.1f ms of CPU", naps,
        eagain_count, primes, cpu_ms() - cpu_before);
    naps = eagain_count = primes = 0;
    cpu_before = cpu_ms();
}

/* This function and the next two return whether the call has done anything;
   false is, nearly always, EAGAIN. */
static bool accept_client(int listener)
{
    int fd = out_of_fds ? -1 : accept_fd(listener, MAX_FDS);
    if (fd < 0)
        return false;
    if (step.flag['b'])
        fcntl(fd, F_SETFL, 0); /* blocks again */
    clients[fd].open = true;
    clients[fd].pending_size = 0;
    clients[fd].asked_at = now_ms();
    return true;
}

/* Read once. The answer stays in the buffer: flush() sends it. */
static bool read_client(int fd)
{
    struct client *c = &clients[fd];
    double asked_before = c->asked_at;
    c->asked_at = now_ms();
    ssize_t n = recv(fd, c->buffer, BUFFER_SIZE, 0);
    if (n < 0 && not_now())
        return false;
    if (n <= 0) {
        c->open = false;
        close_fd(fd, n < 0 ? strerror(errno) : "end of file");
        return true;
    }
    LOG("fd %d: recv: %zd bytes, there for up to %.0f ms", fd, n,
        c->asked_at - asked_before);
    upper(c->buffer, (size_t)n);
    c->pending_size = (size_t)n;
    return true;
}

/* Send as many of the pending bytes as the kernel has room for. */
static bool flush(int fd)
{
    struct client *c = &clients[fd];
    ssize_t n = send(fd, c->buffer, c->pending_size, 0);
    if (n < 0 && not_now())
        return false;
    if (n < 0) {
        c->open = false;
        close_fd(fd, strerror(errno));
        return true;
    }
    LOG("fd %d: send: %zd of %zu bytes", fd, n, c->pending_size);
    c->pending_size -= (size_t)n;
    memmove(c->buffer, c->buffer + n, c->pending_size);
    return true;
}

int main(int argc, char **argv)
{
    step.port = 6667;
    begin_step(argc, argv, "p:s:bq",
               "[-p PORT (6667; 0: any free)] [-s SECONDS (0.2)] "
               "[-b (accepted sockets block)] [-q (no log)]");
    int listener = listen_on(step.port);
    fcntl(listener, F_SETFL, O_NONBLOCK);

    for (;;) {
        bool happened = accept_client(listener);
        eagain_count += !happened;
        for (int fd = listener + 1; fd < MAX_FDS; fd++) {
            if (!clients[fd].open)
                continue;
            bool done = clients[fd].pending_size > 0 ? flush(fd)
                                                     : read_client(fd);
            happened |= done;
            eagain_count += !done;
        }
        if (happened && naps > 0) {
            print_work();
        } else if (!happened) {
            work_a_little();
            nap(4);
            naps++;
        }
    }
}
