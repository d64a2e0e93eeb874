/*
 * 02g-late: a message comes late, and others wait. Model 2 of 6: non-blocking.
 *
 *     make 02g           run it
 *     make models        draw it beside the other five, as they ran
 *
 * The task is that of 01h, line by line (make diff-01h-02g shows the model).
 * Both sockets are asked in turn, none is waited for: EAGAIN, if there is
 * nothing. So requests wait no longer than the nap between two rounds; but
 * all those rounds are for nothing. 03m asks the kernel to say when.
 * The notes: 非阻塞 I/O.
 *
 *       38.5 ms  the request of  20 ms is answered; it waited 3.5 ms
 *      ...
 *      300.2 ms  the message: "hello"
 *     non-blocking: 5 requests answered, 5 before the message came
 *     45 calls of recv() in vain
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE = 300,                       /* ms: when it comes */
    FIRST = 20, EVERY = 50, LAST = 220,  /* ms: when requests come */
    NO_MORE = 250,                       /* ms: when their sender closes */
    WORK = 15,                           /* ms: what each of them takes */
    NAP = 10,                            /* ms: between two rounds */
};

static int message, requests; /* sockets: what comes late, and who waits */
static char text[100];        /* the message */
static double began;          /* ms */
static int answered, before;  /* requests: all, and before the message */
static int in_vain;           /* calls of recv() */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6 - began;
}

static void sleep_until(double ms)
{
    double left = ms - now();
    if (left > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)(left * 1e6) }, NULL);
}

/* Another process, which sends it all, and ends. */
static void start_sender(void)
{
    int m[2], r[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, m) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, r) < 0)
        err(1, "socketpair");
    signal(SIGCHLD, SIG_IGN); /* its end is to interrupt nobody */
    began = now();
    pid_t sender = fork();
    if (sender < 0)
        err(1, "fork");
    message = m[sender == 0];
    requests = r[sender == 0];
    close(m[sender != 0]);
    close(r[sender != 0]);
    if (sender > 0)
        return;
    for (int ms = FIRST; ms <= LAST; ms += EVERY) {
        sleep_until(ms);
        send(requests, &ms, sizeof ms, 0);
    }
    sleep_until(NO_MORE);
    close(requests);
    sleep_until(MESSAGE);
    send(message, "hello", 5, 0);
    _exit(0);
}

/* The other work: a request that was sent at ASKED. */
static void answer(int asked)
{
    double waited = now() - asked;
    for (double end = now() + WORK; now() < end;)
        continue;
    printf("%7.1f ms  the request of %3d ms is answered; it waited %.1f ms\n",
           now(), asked, waited);
    answered++;
    before += text[0] == '\0';
}

static void tell_message(void)
{
    if (text[0] == '\0')
        errx(1, "the sender has gone without a word");
    printf("%7.1f ms  the message: \"%s\"\n", now(), text);
}

/* Bytes received; 0: the end; -1: there is nothing now. */
static ssize_t ask(int fd, void *bytes, size_t size)
{
    ssize_t n = recv(fd, bytes, size, MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        err(1, "recv");
    in_vain += n < 0;
    return n;
}

int main(void)
{
    start_sender();

    bool more = true; /* requests may come */
    while (text[0] == '\0' || more) {
        int asked;
        if (text[0] == '\0' && ask(message, text, sizeof text - 1) >= 0)
            tell_message();
        ssize_t n = more ? ask(requests, &asked, sizeof asked) : -1;
        if (n > 0)
            answer(asked);
        else if (n == 0)
            more = false;
        else if (text[0] == '\0')
            sleep_until(now() + NAP);
    }

    printf("non-blocking: %d requests answered, %d before the message came\n",
           answered, before);
    printf("%d calls of recv() in vain\n", in_vain);
}
