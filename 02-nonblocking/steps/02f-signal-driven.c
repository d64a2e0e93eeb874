/*
 * 02f-signal-driven: a message comes late, and others wait. Model 4 of 6:
 * signal-driven. And: three messages, one signal; how to lose none.
 *
 *     make 02f     or:  02-nonblocking/steps/02f-signal-driven [PART (1 or 2)]
 *     make models       draw it beside the other five, as they ran
 *
 * 1. The task is that of 01h (make diff-01h-02f shows the model). main() hears
 *    the requests, as if there were nothing else; when the message is there,
 *    SIGIO interrupts it, whatever it is at, and the handler copies.
 * 2. Three messages, while the signal is blocked, as it is in its own handler.
 *    SIGIO does not count: look at what one recv() for each leaves behind. A
 *    real-time signal (F_SETSIG, Linux alone) counts, and names the fd, until
 *    its queue is full: then SIGIO comes in its place, and names none.
 * The notes: 信号驱动 I/O.
 *
 *       35.3 ms  the request of  20 ms is answered; it waited 0.3 ms
 *      ...
 *      300.2 ms  the message: "hello"
 *     signal-driven: 5 requests answered, 5 before the message came
 *
 *     three messages at once          SIGIO  SIGRTMIN  with fd  read  left
 *     SIGIO, one recv() for each          1         0        0     1     2
 *     SIGIO, recv() until EAGAIN          1         0        0     3     0
 *     SIGRTMIN, one recv() for each       0         3        3     3     0
 *     ... its queue is full               1         0        0     1     2
 *     ... and at SIGIO until EAGAIN       1         0        0     3     0
 */
#define _GNU_SOURCE /* F_SETSIG */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
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

/* From now on a signal comes when something new is there. Linux ends a process
   that does not expect SIGIO, so the handler has to be there first. */
static void ask_for_signals(int fd)
{
    if (fcntl(fd, F_SETOWN, getpid()) < 0 || fcntl(fd, F_SETFL, O_ASYNC) < 0)
        err(1, "fcntl");
}

static volatile sig_atomic_t came; /* the message, or its sender's end */

/* The handler. main() may be in printf(), so this must not call that; recv()
   it may. To main() nothing has happened, so errno stays what it was. */
static void take_message(int sig)
{
    (void)sig;
    int saved = errno;
    if (recv(message, text, sizeof text - 1, MSG_DONTWAIT) >= 0 ||
        errno != EAGAIN)
        came = true;
    errno = saved;
}

static void a_late_message(void)
{
    start_sender();

    /* SA_RESTART: a recv() of main() that is interrupted goes on by itself. */
    struct sigaction action = { .sa_handler = take_message };
    action.sa_flags = SA_RESTART;
    if (sigaction(SIGIO, &action, NULL) < 0)
        err(1, "sigaction");
    ask_for_signals(message);
    take_message(0); /* if it came before that, no signal will tell */

    for (int asked; recv(requests, &asked, sizeof asked, 0) > 0;) /* asleep */
        answer(asked);

    /* A signal between the look at CAME and the sleep would be slept through.
       So it is blocked, and only sigsuspend(), asleep, lets it in. */
    sigset_t sigio, none;
    sigemptyset(&none);
    sigemptyset(&sigio);
    sigaddset(&sigio, SIGIO);
    sigprocmask(SIG_BLOCK, &sigio, NULL);
    while (!came)
        sigsuspend(&none); /* asleep */
    tell_message();

    printf("signal-driven: %d requests answered, %d before the message came\n",
           answered, before);
    close(message);
}

/* Takes one of these blocked signals; 0 or less: none has come. TELLS_FD: does
   it carry the news that there is something in FD? */
static int next_signal(const sigset_t *set, int fd, bool *tells_fd)
{
#ifdef F_SETSIG
    siginfo_t info;
    int sig = sigtimedwait(set, &info, &(struct timespec){ 0 });
    *tells_fd = sig > 0 && info.si_code == POLL_IN && info.si_fd == fd;
#else
    int sig = 0;
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGIO))
        sigwait(set, &sig);
    *tells_fd = sig > 0 && fd < 0; /* no: there is no such thing here */
#endif
    return sig;
}

/* Three messages, each a datagram, so that a recv() gets one. */
static void row(const char *name, int sig, int recvs_at_sigio)
{
    int ends[2], sigios = 0, others = 0, with_fd = 0, got = 0, left = 0;
    char c;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) < 0)
        err(1, "socketpair");
#ifdef F_SETSIG
    if (sig != SIGIO && fcntl(ends[0], F_SETSIG, sig) < 0)
        err(1, "fcntl");
#endif
    ask_for_signals(ends[0]);

    for (int i = 0; i < 3; i++)
        if (send(ends[1], "x", 1, 0) < 0)
            err(1, "send");
    bool tells_fd;
    for (int s; (s = next_signal(&set, ends[0], &tells_fd)) > 0;) {
        sigios += s == SIGIO;
        others += s != SIGIO;
        with_fd += tells_fd;
        for (int n = s == SIGIO ? recvs_at_sigio : 1;
             n > 0 && recv(ends[0], &c, 1, MSG_DONTWAIT) > 0; n--)
            got++;
    }
    while (recv(ends[0], &c, 1, MSG_DONTWAIT) > 0)
        left++;
    printf("%-31s %5d %9d %8d %5d %5d\n", name, sigios, others, with_fd, got,
           left);
    close(ends[0]);
    close(ends[1]);
}

static void three_messages(void)
{
    printf("%-31s SIGIO  SIGRTMIN  with fd  read  left\n",
           "three messages at once");
    signal(SIGIO, take_message); /* never: but BSD drops what nobody catches */
    row("SIGIO, one recv() for each", SIGIO, 1);
    row("SIGIO, recv() until EAGAIN", SIGIO, INT_MAX);
#ifdef F_SETSIG
    row("SIGRTMIN, one recv() for each", SIGRTMIN, 1);
    /* A queue without room for one. */
    if (setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){ 0 }) < 0)
        err(1, "setrlimit");
    row("... its queue is full", SIGRTMIN, 1);
    row("... and at SIGIO until EAGAIN", SIGRTMIN, INT_MAX);
#else
    printf("other signals than SIGIO (F_SETSIG): Linux alone has that\n");
#endif
}

int main(int argc, char **argv)
{
    int part = argc > 1 ? atoi(argv[1]) : 0;
    if (argc > 2 || (argc == 2 && part != 1 && part != 2))
        errx(2, "usage: %s [PART (1 or 2)]", argv[0]);
    if (part != 2)
        a_late_message();
    if (part == 0)
        printf("\n");
    if (part != 1)
        three_messages();
}
