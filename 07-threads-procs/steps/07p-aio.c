/*
 * 07p-aio: a message comes late, and others wait. Model 5 of 6: asynchronous.
 *
 *     make 07p           run it; 07-threads-procs/steps/07p-aio 1 runs part 1
 *     make models        draw it beside the other five models, as they ran
 *
 * Question: aio_read() gets an fd that is closed. Does it return -1 at once?
 * Part 1 is the task of 01h (make diff-01h-07p shows the model). aio_read()
 * returns at once, and the message is copied into our buffer while we do other
 * work. Part 2 shows three ways to learn that it is there, and which thread
 * reads: on Linux one of the C library's, which sleeps in read(). Look at the
 * errors, too: the call returns 0, and aio_error() returns the error later.
 * The notes: 四 .Asynchronous I/O(异步IO).
 *
 *     asynchronous: 5 requests answered, 5 before the message came
 *
 *     threads   1, and 2 after aio_read(); the other one sleeps in read()
 *     ...
 *     closed    aio_read() returns 0, aio_error(): Bad file descriptor
 */
#include "step.h"

#ifndef __linux__
int main(void)
{
    puts("07p is about POSIX aio as Linux has it: with threads");
}
#else
#include <aio.h>
#include <glob.h>
#include <semaphore.h>
#include <sys/syscall.h>

static struct aiocb job; /* the library uses both until the job is done */
static char buffer[sizeof text - 1];

static glob_t threads; /* a folder for each thread */

static int count_threads(void)
{
    if (glob("/proc/self/task/*", 0, NULL, &threads) != 0)
        errx(1, "no /proc/self/task");
    return (int)threads.gl_pathc;
}

static sem_t called; /* the callback is done */

/* A thread of the library calls it. (ThreadSanitizer dies then: tsan-07p.) */
static void callback(union sigval value)
{
    printf("callback  in %s thread: %zd bytes\n",
           syscall(SYS_gettid) == getpid() ? "main's" :
           count_threads() > 2 ? "a new" : "the other",
           aio_return(value.sival_ptr));
    sem_post(&called);
}

/* Start a job: CALL is aio_read or aio_write, NOTIFY how the library reports
   its end. Returns what CALL returns. (A sigevent of zeros would be
   SIGEV_SIGNAL with signal 0.) */
static int start_job(int (*call)(struct aiocb *), int fd, int notify)
{
    job = (struct aiocb){
        .aio_fildes = fd, .aio_buf = buffer, .aio_nbytes = sizeof buffer,
        .aio_sigevent = {
            .sigev_notify = notify, .sigev_signo = SIGUSR1,
            .sigev_notify_function = callback, .sigev_value.sival_ptr = &job,
        },
    };
    return call(&job);
}

/* Sleep until the job is done. Returns its error, or 0. */
static int wait_for_job(void)
{
    while (aio_error(&job) == EINPROGRESS)
        aio_suspend((const struct aiocb *[]){ &job }, 1, NULL);
    return aio_error(&job);
}

/* -------------------------------------------------------------- part 1 */

static void late_message(void)
{
    start_sender();

    check(start_job(aio_read, message, SIGEV_NONE), "aio_read");
    for (int sent_at; recv(requests, &sent_at, sizeof sent_at, 0) > 0;) {
        if (aio_error(&job) == 0) /* no system call */
            memcpy(text, buffer, sizeof buffer);
        answer_request(sent_at);
    }
    if ((errno = wait_for_job()) != 0) /* sleeps: there is no other work */
        err(1, "aio_read");
    memcpy(text, buffer, sizeof buffer);
    print_message();

    print_summary("asynchronous");
}

/* -------------------------------------------------------------- part 2 */

static int ends[2]; /* a pair of sockets: the library reads from ends[0] */
static sigset_t usr1; /* SIGUSR1, which stands for the end of a job */

/* Does a thread sleep in read(ends[0])? /proc/PID/syscall says it, unless the
   system forbids that (proc(5)). The thread may need some ms to begin. */
static const char *look_for_read(void)
{
    for (size_t i = 0; i < 1000 * threads.gl_pathc; i++) {
        long call = -1; /* stays so for "running" */
        unsigned long fd = 0;
        char path[100];
        snprintf(path, sizeof path, "%s/syscall",
                 threads.gl_pathv[i % threads.gl_pathc]);
        FILE *f = fopen(path, "r");
        if (f == NULL || fscanf(f, "%ld 0x%lx", &call, &fd) == EOF)
            return "does what we may not see";
        fclose(f);
        if (call == SYS_read && (int)fd == ends[0])
            return "sleeps in read()";
        sleep_ms(1);
    }
    return "does not sleep in read()";
}

/* The first way: ask for the state again and again. */
static void ask_for_state(void)
{
    int asked = 0;
    printf("threads   %d, ", count_threads());
    check(start_job(aio_read, ends[0], SIGEV_NONE), "aio_read");
    printf("and %d after aio_read(); ", count_threads());
    printf("the other one %s\n", look_for_read());
    for (; aio_error(&job) == EINPROGRESS; asked++) {
        if (asked == 0)
            send(ends[1], "hello", 5, 0);
        sleep_ms(1);
    }
    printf("state     %d x EINPROGRESS, then %d: ", asked, aio_error(&job));
    printf("%zd bytes, and %s signal\n", aio_return(&job), sigtimedwait(&usr1,
           NULL, &(struct timespec){ 0 }) < 0 ? "no" : "a");
}

static void wait_for_signal(void)
{
    siginfo_t info;
    check(start_job(aio_read, ends[0], SIGEV_SIGNAL), "aio_read");
    send(ends[1], "hello", 5, 0);
    check(sigtimedwait(&usr1, &info, &(struct timespec){ 5, 0 }), "SIGUSR1");
    printf("signal    SIGUSR1, %s, sent by %s process: %zd bytes\n",
           info.si_code == SI_ASYNCIO ? "SI_ASYNCIO" : "another code",
           info.si_pid == getpid() ? "our own" : "another",
           aio_return(info.si_value.sival_ptr));
}

static void wait_for_callback(void)
{
    struct timespec end = deadline(5);
    check(sem_init(&called, 0, 0), "sem_init");
    check(start_job(aio_read, ends[0], SIGEV_THREAD), "aio_read");
    send(ends[1], "hello", 5, 0);
    check(sem_timedwait(&called, &end), "no callback came");
}

static void three_ways(void)
{
    step.second = 1;          /* for deadline() */
    signal(SIGPIPE, SIG_DFL); /* it would kill the process */
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL); /* sigtimedwait() takes it */
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    ask_for_state();
    wait_for_signal();
    wait_for_callback();

    close(ends[1]);
    int result = start_job(aio_write, ends[0], SIGEV_NONE);
    printf("no reader aio_write() returns %d, aio_error(): %s, no SIGPIPE\n",
           result, strerror(wait_for_job()));
    close(ends[0]);
    result = start_job(aio_read, ends[0], SIGEV_NONE);
    printf("closed    aio_read() returns %d, aio_error(): %s\n", result,
           strerror(wait_for_job()));
}

int main(int argc, char **argv)
{
    int part = begin_parts(argc, argv);
    if (part != 2)
        late_message();
    if (part == 0) { /* a new program: the thread of part 1 lives on for 1 s */
        puts("");
        check(execlp(argv[0], argv[0], "2", NULL), argv[0]);
    }
    if (part == 2)
        three_ways();
}
#endif
