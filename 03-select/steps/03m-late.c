/*
 * 03m-late: a message comes late, and others wait. Model 3 of 6: multiplexed.
 *
 *     make 03m           run it
 *     make models        draw it beside the other five, as they ran
 *
 * The task is that of 01h (make diff-01h-03m shows the model). select() sleeps
 * for both sockets at once, so whoever comes first is heard first, and
 * no call is in vain. recv() no longer sleeps: it only copies.
 * The notes: I/O 多路复用.
 *
 *       35.2 ms  the request of  20 ms is answered; it waited 0.2 ms
 *      ...
 *      300.2 ms  the message: "hello"
 *     multiplexed: 5 requests answered, 5 before the message came
 */
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE = 300,                       /* ms: when it comes */
    FIRST = 20, EVERY = 50, LAST = 220,  /* ms: when requests come */
    NO_MORE = 250,                       /* ms: when their sender closes */
    WORK = 15,                           /* ms: what each of them takes */
};

static int message, requests; /* sockets: what comes late, and who waits */
static char text[100];        /* the message */
static double began;          /* ms */
static int answered, before;  /* requests: all, and before the message */

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

int main(void)
{
    start_sender();

    bool more = true; /* requests may come */
    while (text[0] == '\0' || more) {
        int asked;
        fd_set readable;
        FD_ZERO(&readable);
        if (text[0] == '\0')
            FD_SET(message, &readable);
        if (more)
            FD_SET(requests, &readable);
        if (select(requests + 1, &readable, NULL, NULL, NULL) < 0) /* asleep */
            err(1, "select");
        if (FD_ISSET(message, &readable)) {
            recv(message, text, sizeof text - 1, 0);
            tell_message();
        }
        if (FD_ISSET(requests, &readable)) {
            more = recv(requests, &asked, sizeof asked, 0) > 0;
            if (more)
                answer(asked);
        }
    }

    printf("multiplexed: %d requests answered, %d before the message came\n",
           answered, before);
}
