/*
 * 07p-aio: a message comes late, and others wait. Model 5 of 6: asynchronous.
 *
 *     make 07p           run it; 07-threads-procs/steps/07p-aio 1 runs part 1
 *     make models        draw it beside the other five models, as they ran
 *
 * Part 1 is the task of 01h (make diff-01h-07p shows the model). aio_read()
 * returns at once, and the message is copied into our buffer while we do other
 * work. Part 2 shows three ways to learn that it is there, and which thread
 * reads. On Linux the kernel does not do it: the C library starts a thread,
 * and that thread sleeps in read(). Look at the errors, too: the call returns
 * 0, and aio_error() returns the error later.
 * glibc before 2.34 has aio in a library of its own: add -lrt. musl, another
 * C library, has such threads as well, but returns -1 for a closed fd.
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
 *     no reader aio_write() returns 0, aio_error(): Broken pipe, no SIGPIPE
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
#include <dirent.h>
#include <semaphore.h>
#include <sys/syscall.h>

static struct aiocb job; /* the library uses both until the job is done */
static char buffer[sizeof text - 1];

static sigset_t usr1; /* SIGUSR1, which stands for the end of a job */

/* The results of the callback. */
static ssize_t callback_bytes;
static pid_t callback_thread;
static sem_t called;

/* The library calls it in a thread of its own. (ThreadSanitizer dies there:
   tsan-07p.) */
static void callback(union sigval value)
{
    callback_bytes = aio_return(value.sival_ptr);
    callback_thread = (pid_t)syscall(SYS_gettid);
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
        if (aio_suspend((const struct aiocb *[]){ &job }, 1, NULL) < 0 &&
            errno != EINTR)
            err(1, "aio_suspend");
    return aio_error(&job);
}

/* Part 1. */
static void late_message(void)
{
    start_sender();

    if (start_job(aio_read, message, SIGEV_NONE) < 0)
        err(1, "aio_read");
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

/* Returns how many threads this process has, and in *OTHER one of them that is
   not main()'s. */
static int count_threads(pid_t *other)
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

/* What does this thread do? /proc/PID/syscall says it, unless the system
   forbids that (proc(5)). It may need some ms to begin its read(FD). */
static const char *describe_thread(pid_t tid, int fd)
{
    char path[100];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
    for (int ms = 0; ms < 1000; ms++) {
        long call = -1; /* stays so for "running" */
        unsigned long argument = 0;
        FILE *f = fopen(path, "r");
        if (f == NULL || fscanf(f, "%ld 0x%lx", &call, &argument) == EOF)
            return "does what we may not see";
        fclose(f);
        if (call == SYS_read && (int)argument == fd)
            return "sleeps in read()";
        sleep_ms(1);
    }
    return "does not sleep in read()";
}

static void start_read(const int s[2], int notify)
{
    if (start_job(aio_read, s[0], notify) < 0)
        err(1, "aio_read");
}

/* Two ways: ask for the state again and again, or get a signal. */
static void state_and_signal(const int s[2])
{
    int asked = 0;
    siginfo_t info;
    for (; aio_error(&job) == EINPROGRESS; asked++) {
        if (asked == 0)
            send(s[1], "hello", 5, 0);
        sleep_ms(1);
    }
    printf("state     %d x EINPROGRESS, then %d: ", asked, aio_error(&job));
    printf("%zd bytes, and %s signal\n", aio_return(&job), sigtimedwait(&usr1,
           NULL, &(struct timespec){ 0 }) < 0 ? "no" : "a");

    start_read(s, SIGEV_SIGNAL);
    send(s[1], "hello", 5, 0);
    if (sigtimedwait(&usr1, &info, &(struct timespec){ .tv_sec = 5 }) < 0)
        err(1, "no signal came");
    printf("signal    SIGUSR1, %s, sent by %s process: %zd bytes\n",
           info.si_code == SI_ASYNCIO ? "SI_ASYNCIO" : "another code",
           info.si_pid == getpid() ? "our own" : "another",
           aio_return(info.si_value.sival_ptr));
}

/* The third way. OTHER is the thread that has read so far. */
static void callback_in_thread(const int s[2], pid_t other)
{
    struct timespec end;
    sem_init(&called, 0, 0);
    start_read(s, SIGEV_THREAD);
    send(s[1], "hello", 5, 0);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 5;
    if (sem_timedwait(&called, &end) < 0)
        err(1, "no callback came");
    printf("callback  in %s thread: %zd bytes\n", callback_thread == getpid() ?
           "main's" : callback_thread == other ? "the other" : "a new",
           callback_bytes);
}

/* Part 2. */
static void three_ways(void)
{
    int s[2];
    pid_t other = 0;
    signal(SIGPIPE, SIG_DFL); /* it would kill the process */
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL); /* sigtimedwait() takes it */
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
        err(1, "socketpair");

    printf("threads   %d, ", count_threads(&other));
    start_read(s, SIGEV_NONE);
    printf("and %d after aio_read(); ", count_threads(&other));
    printf("the other one %s\n", describe_thread(other, s[0]));
    state_and_signal(s);
    callback_in_thread(s, other);

    close(s[1]);
    int result = start_job(aio_write, s[0], SIGEV_NONE);
    printf("no reader aio_write() returns %d, aio_error(): %s, no SIGPIPE\n",
           result, strerror(wait_for_job()));
    close(s[0]);
    result = start_job(aio_read, s[0], SIGEV_NONE);
    printf("closed    aio_read() returns %d, aio_error(): %s\n", result,
           strerror(wait_for_job()));
}

int main(int argc, char **argv)
{
    int part = argc != 2 ? 0 : strcmp(argv[1], "1") == 0 ? 1 :
               strcmp(argv[1], "2") == 0 ? 2 : 0;
    begin_step(part > 0 ? 1 : argc, argv, "", "[PART (1 or 2; both)]");
    if (part != 2)
        late_message();
    if (part == 0) { /* a new program: the thread of part 1 lives on for 1 s */
        puts("");
        execlp(argv[0], argv[0], "2", NULL);
        err(1, "%s", argv[0]);
    }
    if (part == 2)
        three_ways();
}
#endif
