/*
 * 07p-aio: a message comes late, and others wait. Model 5 of 6: asynchronous.
 *
 *     make 07p           run it; 07-threads-procs/steps/07p-aio 1 runs part 1
 *     make models        draw it beside the other five, as they ran
 *
 * Part 1 is the task of 01h (make diff-01h-07p shows the model). aio_read()
 * returns at once, and the message comes into our buffer while we do other
 * work. Part 2: three ways to hear of it, and who does it. On Linux it is not
 * the kernel but the C library: a thread sleeps in read() in our place.
 * Look at the errors, too: the call says 0, and aio_error() tells later.
 * glibc before 2.34 has it in a library of its own: add -lrt. musl, another
 * C library, has such threads as well, but says -1 for a closed fd.
 * The notes: 四 .Asynchronous I/O(异步IO).
 *
 *       35.2 ms  the request of  20 ms is answered; it waited 0.2 ms
 *      ...
 *      300.2 ms  the message: "hello"
 *     asynchronous: 5 requests answered, 5 before the message came
 *
 *     threads   1, and 2 after aio_read(); the other one sleeps in read()
 *     state     2 x EINPROGRESS, then 0: 5 bytes, and no signal
 *     signal    SIGUSR1, SI_ASYNCIO, sent by our own process: 5 bytes
 *     callback  in a new thread: 5 bytes
 *     no reader aio_write() says 0, aio_error(): Broken pipe, and no SIGPIPE
 *     closed    aio_read() says 0, aio_error(): Bad file descriptor
 */
#ifndef __linux__
#include <stdio.h>

int main(void)
{
    puts("07p is about POSIX aio as Linux has it: by threads");
}
#else
#include <aio.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE = 300,                       /* ms: when it comes */
    FIRST = 20, EVERY = 50, LAST = 220,  /* ms: when requests come */
    NO_MORE = 250,                       /* ms: when their sender closes */
    WORK = 15,                           /* ms: what each of them takes */
};

static int message, requests; /* sockets: what comes late, and who waits */
static char buffer[100];      /* not to be touched while it is read into */
static char *text = "";       /* the message */
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

static struct aiocb job; /* the library's, too, until it is done */

/* What the callback finds. */
static ssize_t bytes;
static pid_t caller;
static sem_t called;

/* In a thread of the library's, in which ThreadSanitizer dies (tsan-07p). */
static void call_back(union sigval which)
{
    bytes = aio_return(which.sival_ptr);
    caller = (pid_t)syscall(SYS_gettid);
    sem_post(&called);
}

/* Have FD read or written, and be told of the end in that way. What the call
   says. (A sigevent of zeros would mean SIGEV_SIGNAL, and signal 0.) */
static int start(int (*call)(struct aiocb *), int fd, int notify)
{
    job = (struct aiocb){
        .aio_fildes = fd, .aio_buf = buffer, .aio_nbytes = sizeof buffer - 1,
        .aio_sigevent = {
            .sigev_notify = notify, .sigev_signo = SIGUSR1,
            .sigev_notify_function = call_back, .sigev_value.sival_ptr = &job,
        },
    };
    return call(&job);
}

/* Sleep until it is done. Its error, or 0. */
static int finish(void)
{
    while (aio_error(&job) == EINPROGRESS)
        if (aio_suspend((const struct aiocb *[]){ &job }, 1, NULL) < 0 &&
            errno != EINTR)
            err(1, "aio_suspend");
    return aio_error(&job);
}

/* Part 1. */
static void one_task(void)
{
    start_sender();

    if (start(aio_read, message, SIGEV_NONE) < 0)
        err(1, "aio_read");
    for (int asked; recv(requests, &asked, sizeof asked, 0) > 0;) {
        if (aio_error(&job) == 0) /* no system call */
            text = buffer;
        answer(asked);
    }
    if ((errno = finish()) != 0) /* asleep: there is nothing else to do */
        err(1, "aio_read");
    text = buffer;
    tell_message();

    printf("asynchronous: %d requests answered, %d before the message came\n",
           answered, before);
}

/* How many we have, and one of them that is not main's. */
static int threads(pid_t *other)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        err(1, "/proc/self/task");
    for (struct dirent *t; (t = readdir(tasks)) != NULL;) {
        pid_t tid = atoi(t->d_name); /* 0: "." and ".." */
        count += tid > 0;
        if (tid > 0 && tid != getpid())
            *other = tid;
    }
    closedir(tasks);
    return count;
}

/* Does it sleep in reading FD? proc(5) tells, unless the system forbids it. */
static const char *sleeps(pid_t tid, int fd)
{
    char path[100];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
    for (int i = 0; i < 1000; i++) { /* ms: it may be on its way there */
        long call = -1; /* "running" is no number */
        unsigned long argument = 0;
        FILE *f = fopen(path, "r");
        if (f == NULL || fscanf(f, "%ld 0x%lx", &call, &argument) == EOF)
            return "does what we may not see";
        fclose(f);
        if (call == SYS_read && (int)argument == fd)
            return "sleeps in read()";
        usleep(1000);
    }
    return "does not sleep in read()";
}

static void read_hello(const int s[2], int notify)
{
    if (start(aio_read, s[0], notify) < 0)
        err(1, "aio_read");
    send(s[1], "hello", 5, 0);
}

/* Part 2. */
static void three_ways(void)
{
    int s[2];
    struct timespec end;
    pid_t helper = 0;
    siginfo_t told;
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL); /* we fetch it */
    signal(SIGPIPE, SIG_DFL);            /* it would end us */
    sem_init(&called, 0, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
        err(1, "socketpair");

    printf("threads   %d, ", threads(&helper));
    if (start(aio_read, s[0], SIGEV_NONE) < 0)
        err(1, "aio_read");
    printf("and %d after aio_read(); ", threads(&helper));
    printf("the other one %s\n", sleeps(helper, s[0]));

    int asked = aio_error(&job) == EINPROGRESS;
    send(s[1], "hello", 5, 0);
    for (; aio_error(&job) == EINPROGRESS; asked++)
        usleep(100);
    printf("state     %d x EINPROGRESS, then %d: ", asked, aio_error(&job));
    printf("%zd bytes, and %s signal\n", aio_return(&job), sigtimedwait(&usr1,
           NULL, &(struct timespec){ 0 }) < 0 ? "no" : "a");

    read_hello(s, SIGEV_SIGNAL);
    if (sigtimedwait(&usr1, &told, &(struct timespec){ .tv_sec = 5 }) < 0)
        err(1, "no signal came");
    printf("signal    SIGUSR1, %s, sent by %s process: %zd bytes\n",
           told.si_code == SI_ASYNCIO ? "SI_ASYNCIO" : "another code",
           told.si_pid == getpid() ? "our own" : "another",
           aio_return(told.si_value.sival_ptr));

    read_hello(s, SIGEV_THREAD);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 5;
    if (sem_timedwait(&called, &end) < 0)
        err(1, "no callback came");
    printf("callback  in %s thread: %zd bytes\n", caller == getpid() ?
           "main's" : caller == helper ? "the other" : "a new", bytes);

    close(s[1]);
    int said = start(aio_write, s[0], SIGEV_NONE), error = finish();
    printf("no reader aio_write() says %d, aio_error(): %s, and no SIGPIPE\n",
           said, strerror(error));
    close(s[0]);
    said = start(aio_read, s[0], SIGEV_NONE), error = finish();
    printf("closed    aio_read() says %d, aio_error(): %s\n", said,
           strerror(error));
}

int main(int argc, char **argv)
{
    int part = argc > 1 ? atoi(argv[1]) : 0;
    if (argc > 2 || (argc == 2 && part != 1 && part != 2))
        errx(2, "usage: %s [PART (1 or 2; both)]", argv[0]);
    if (part != 2)
        one_task();
    if (part == 0) { /* anew, for the first part's thread stays for a second */
        puts("");
        fflush(stdout);
        execlp(argv[0], argv[0], "2", NULL);
        err(1, "%s", argv[0]);
    }
    if (part == 2)
        three_ways();
}
#endif
