/*
 * 02f-signal-driven: a message comes late, and others wait. Model 4 of 6:
 * signal-driven. Then: three messages, one signal; how to lose none.
 *
 *     make 02f     or:  02-nonblocking/steps/02f-signal-driven [PART (1 or 2)]
 *     make models       draw it beside the other five models, as they ran
 *
 * Question: Three messages arrive while SIGIO is blocked. The handler calls
 * recv() once for each signal. How many messages does it leave unread?
 * 1. The task of 01h (make diff-01h-02f). main() reads requests and nothing
 *    else. When the message arrives, SIGIO interrupts main(), wherever it is,
 *    and the handler receives the message.
 * 2. Three messages arrive while the signal is blocked, as it is in its own
 *    handler. SIGIO does not count: look at the messages that stay unread. A
 *    real-time signal (F_SETSIG, only on Linux) counts, and names the fd; but
 *    when its queue is full, the kernel sends SIGIO instead.
 * The notes: 信号驱动 I/O.
 *
 *      300.2 ms  the message: "hello"
 *     signal-driven: 5 requests answered, 5 before the message came
 *
 *     three messages at once          SIGIO  SIGRTMIN  with fd  read  left
 *     SIGIO, one recv() for each          1         0        0     1     2
 *     SIGIO, recv() until EAGAIN          1         0        0     3     0
 *     ...
 */
#define _GNU_SOURCE /* F_SETSIG */
#include <limits.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include "step.h"

/* From now on the kernel sends a signal when FD becomes readable. The handler
   must be there before: without one, SIGIO ends a process on Linux. */
static void request_signals(int fd)
{
    check(fcntl(fd, F_SETOWN, getpid()), "F_SETOWN");
    check(fcntl(fd, F_SETFL, O_ASYNC), "O_ASYNC");
}

/* The handler writes ARRIVED before it sets CAME, and never after that; main()
   reads ARRIVED only when CAME is set. So main() never sees half a message.
   The fences keep the compiler from changing that order. */
static char arrived[sizeof text];
static volatile sig_atomic_t came; /* the message, or its sender's end */

/* May interrupt main() in printf(), so it must not call printf(); recv() is
   safe (signal-safety(7)). main() may need its errno: put it back. */
static void on_sigio(int signal_number)
{
    (void)signal_number;
    int saved = errno;
    if (!came && (recv(message, arrived, sizeof arrived - 1,
                       MSG_DONTWAIT) >= 0 || errno != EAGAIN)) {
        atomic_signal_fence(memory_order_release);
        came = true;
    }
    errno = saved;
}

static void get_message(void)
{
    if (came) {
        atomic_signal_fence(memory_order_acquire);
        memcpy(text, arrived, sizeof text);
    }
}

static void run_late_message(void)
{
    start_sender();

    /* SA_RESTART: after the signal, recv() in main() goes on by itself. */
    sigaction(SIGIO, &(struct sigaction){ .sa_handler = on_sigio,
                                          .sa_flags = SA_RESTART }, NULL);
    request_signals(message);
    on_sigio(0); /* no signal comes for what has arrived before */

    for (int sent_at; recv(requests, &sent_at, sizeof sent_at, 0) > 0;) {
        get_message();
        answer_request(sent_at);
    }

    /* If the signal came between the test of CAME and the sleep, the process
       would sleep for ever. So block it; sigsuspend() unblocks it and sleeps
       in one step. */
    sigset_t sigio, none;
    sigemptyset(&none);
    sigemptyset(&sigio);
    sigaddset(&sigio, SIGIO);
    sigprocmask(SIG_BLOCK, &sigio, NULL);
    while (!came)
        sigsuspend(&none); /* sleeps */
    get_message();
    print_message();

    print_summary("signal-driven");
    close(message);
}

/* Accept one of these blocked signals. Returns its number; 0 or less: there is
   none. *NAMES_FD: it says that FD is readable. */
static int next_signal(const sigset_t *set, int fd, bool *names_fd)
{
#ifdef F_SETSIG
    siginfo_t info;
    int sig = sigtimedwait(set, &info, &(struct timespec){ 0 });
    *names_fd = sig > 0 && info.si_code == POLL_IN && info.si_fd == fd;
#else
    int sig = 0;
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGIO))
        sigwait(set, &sig);
    (void)fd;
    *names_fd = false;
#endif
    return sig;
}

/* Three messages arrive at ENDS[0], while the signals of SET are blocked. Each
   is a datagram, so one recv() gets one of them. */
static void send_three(int ends[2], int sig, const sigset_t *set)
{
    sigprocmask(SIG_BLOCK, set, NULL);
    check(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), "socketpair");
#ifdef F_SETSIG
    if (sig != SIGIO)
        check(fcntl(ends[0], F_SETSIG, sig), "F_SETSIG");
#endif
    request_signals(ends[0]);
    for (int i = 0; i < 3; i++)
        check(send(ends[1], "x", 1, 0), "send");
}

/* RECVS_AT_SIGIO: how often to call recv() after SIGIO, at most. */
static void row(const char *name, int sig, int recvs_at_sigio)
{
    int ends[2], sigios = 0, others = 0, with_fd = 0, received = 0, left = 0;
    bool names_fd;
    char c;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigaddset(&set, sig);
    send_three(ends, sig, &set);
    for (int s; (s = next_signal(&set, ends[0], &names_fd)) > 0;) {
        sigios += s == SIGIO;
        others += s != SIGIO;
        with_fd += names_fd;
        for (int n = s == SIGIO ? recvs_at_sigio : 1;
             n > 0 && recv(ends[0], &c, 1, MSG_DONTWAIT) > 0; n--)
            received++;
    }
    while (recv(ends[0], &c, 1, MSG_DONTWAIT) > 0)
        left++;
    printf("%-31s %5d %9d %8d %5d %5d\n", name, sigios, others, with_fd,
           received, left);
    close(ends[0]);
    close(ends[1]);
}

static void run_three_messages(void)
{
    printf("%-31s SIGIO  SIGRTMIN  with fd  read  left\n",
           "three messages at once");
    signal(SIGIO, on_sigio); /* never called; but BSD discards a signal that
                                has no handler */
    row("SIGIO, one recv() for each", SIGIO, 1);
    row("SIGIO, recv() until EAGAIN", SIGIO, INT_MAX);
#ifdef F_SETSIG
    row("SIGRTMIN, one recv() for each", SIGRTMIN, 1);
    /* No room for a single signal in the queue: */
    check(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){ 0 }), "setrlimit");
    row("... its queue is full", SIGRTMIN, 1);
    row("... and at SIGIO until EAGAIN", SIGRTMIN, INT_MAX);
#else
    printf("other signals than SIGIO (F_SETSIG): only Linux has that\n");
#endif
}

int main(int argc, char **argv)
{
    begin_step(1, argv, "", "[PART (1 or 2; both)]"); /* no options */
    if (argc > 2)
        errx(2, "unexpected argument '%s'\n%s", argv[2], USAGE);
    int part = argc == 2 ? parse_number(argv[1], 1, 2) : 0;
    if (part != 2)
        run_late_message();
    if (part == 0)
        puts("");
    if (part != 1)
        run_three_messages();
}
