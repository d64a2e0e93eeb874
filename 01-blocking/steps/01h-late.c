/*
 * 01h-late: a message comes late, and others wait. Model 1 of 6: blocking.
 *
 *     make 01h           run it
 *     make models        draw it beside the other five, as they ran
 *
 * Two sockets. On the first a message comes after 300 ms; on the second, before
 * that, five requests, 50 ms apart, each 15 ms of work. recv() sleeps until
 * the message is there, then copies it, and only then are the requests heard.
 * Look at how long each has waited, then at 02g, which never sleeps in recv().
 * The notes: 阻塞 I/O.
 *
 *      300.2 ms  the message: "hello"
 *      315.3 ms  the request of  20 ms is answered; it waited 280.3 ms
 *      ...
 *     blocking: 5 requests answered, 0 before the message came
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
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

    if (recv(message, text, sizeof text - 1, 0) < 0) /* asleep */
        err(1, "recv");
    tell_message();
    for (int asked; recv(requests, &asked, sizeof asked, 0) > 0;)
        answer(asked);

    printf("blocking: %d requests answered, %d before the message came\n",
           answered, before);
}
