/*
 * 01a-two-phases: the two phases of one recv(), seen from another thread.
 *
 *     make 01a                                        run it
 *     01-blocking/steps/01a-two-phases [-s SECONDS]   of each wait (0.2)
 *
 * One thread is in recv(), and main() watches it from outside. Phase 1 lasts
 * until the last byte is there (SO_RCVLOWAT): the thread sleeps, state S, uses
 * no CPU, and has no byte yet. In phase 2 it copies on the CPU: state R. Look
 * at the state: recv() has returned in neither phase, but the thread sleeps
 * only in phase 1.
 * The notes: IO模式.
 *
 *     one recv() of 16777216 bytes, seen from another thread
 *                    in kernel    copied    S    R  time/ms   CPU/ms  slept
 *     1 nothing there         0         0   20    0    212.7      0.0      1
 *     1 one missing    16777215         0   20    0    206.6      0.0      0
 *     2 all copied           0  16777216    0  149      1.6      1.4      0
 *     S, R: how often main() saw it asleep, and running (or queued for a CPU);
 *     slept: how often the thread gave up the CPU by itself
 */
#define _GNU_SOURCE /* pthread_setaffinity_np(): only Linux has it */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include "step.h"

#ifdef __linux__
enum {
    MOST = 16 << 20, /* bytes to receive; the kernel may hold fewer */
    SAMPLES = 20,    /* of the thread's state, in each wait */
};

struct sample { /* what the kernel says of the thread */
    double time, cpu; /* ms; cpu: of this thread */
    long slept;       /* times: voluntary context switches */
    char state;       /* S: asleep; R: running, or waiting for a CPU */
};

static int fd, size;          /* the thread receives so many bytes from fd */
static char *received;        /* and recv() copies them to here */
static int status;            /* the thread's status file in /proc */
static clockid_t thread_cpu;  /* the clock of its CPU time */
static struct sample at_call, at_return; /* of recv(), by the thread itself */
static atomic_bool calling, returned;

static struct sample take_sample(void)
{
    char lines[4096] = "";
    struct timespec cpu;
    double time = now_ms();
    clock_gettime(thread_cpu, &cpu);
    ssize_t n = pread(status, lines, sizeof lines - 1, 0);
    char *state = strstr(lines, "State:\t");
    char *slept = strstr(lines, "\nvoluntary_ctxt_switches:");
    if (n < 0 || !state || !slept)
        errx(1, "/proc/thread-self/status does not tell the state");
    return (struct sample){
        .time = time,
        .cpu = (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6,
        .slept = atol(strchr(slept, ':') + 1),
        .state = state[strlen("State:\t")],
    };
}

static void *receive(void *unused)
{
    (void)unused;
    status = open("/proc/thread-self/status", O_RDONLY);
    pthread_getcpuclockid(pthread_self(), &thread_cpu);
    at_call = take_sample();
    calling = true;
    ssize_t n = recv(fd, received, (size_t)size, 0);
    at_return = take_sample();
    if (n != size)
        err(1, "recv: %zd of %d bytes", n, size);
    returned = true;
    for (;;)
        pause(); /* main() still reads this thread's status file */
}

/* Watch the thread from sample FROM on, and print a row. PAUSE_MS is between
   two samples; 0: without a pause, until recv() has returned. */
static void observe(const char *phase, struct sample from, long pause_ms)
{
    int asleep = 0, running = 0, in_kernel = 0, copied = 0;
    struct sample to = from;
    while (pause_ms == 0 || asleep + running < SAMPLES) {
        if (pause_ms > 0)
            sleep_ms(pause_ms);
        struct sample sample = take_sample();
        if (returned) { /* perhaps before this sample */
            to = at_return;
            break;
        }
        to = sample;
        asleep += sample.state == 'S';
        running += sample.state == 'R';
    }
    ioctl(fd, FIONREAD, &in_kernel);
    for (int i = 0; i < size; i++)
        copied += received[i] == 'x';
    printf("%-15s %9d %9d %4d %4d %8.1f %8.1f %6ld\n", phase, in_kernel,
           copied, asleep, running, to.time - from.time, to.cpu - from.cpu,
           to.slept - from.slept);
}

/* Give main() a CPU of its own: on the thread's CPU, main() would not run
   while the thread does, and never see it in state R. */
static void separate_from(pthread_t thread)
{
    cpu_set_t one, others;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (sched_getaffinity(0, sizeof others, &others) < 0)
        err(1, "sched_getaffinity");
    CPU_XOR(&others, &others, &one);
    if (CPU_COUNT(&others) > 0) {
        pthread_setaffinity_np(thread, sizeof others, &others);
        sched_setaffinity(0, sizeof one, &one);
    }
}

/* New memory, and written to, so that no page fault comes later. */
static char *filled_with(char byte)
{
    char *bytes = malloc((size_t)size);
    if (bytes == NULL)
        err(1, "malloc");
    return memset(bytes, byte, (size_t)size);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS of each wait (0.2)]");
    long pause_ms = (long)(step.second * 1e3 / SAMPLES) + 1;

    int ends[2];
    tcp_pair(ends);
    fd = ends[1];
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ MOST }, sizeof(int));
    getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &size,
               &(socklen_t){ sizeof size });
    char *bytes = filled_with('x');
    received = filled_with('.');
    pthread_t thread;
    if (pthread_create(&thread, NULL, receive, NULL) != 0)
        errx(1, "pthread_create");
    while (!calling)
        sleep_ms(1);
    separate_from(thread);

    printf("one recv() of %d bytes, seen from another thread\n"
           "                in kernel    copied    S    R  time/ms   CPU/ms  "
           "slept\n", size);
    observe("1 nothing there", at_call, pause_ms);
    struct sample from = take_sample();
    if (send(ends[0], bytes, (size_t)size - 1, 0) != size - 1)
        err(1, "send");
    observe("1 one missing", from, pause_ms);
    from = take_sample();
    if (send(ends[0], bytes, 1, 0) != 1)
        err(1, "send");
    observe("2 all copied", from, 0);
    puts("S, R: how often main() saw it asleep, and running (or queued for a "
         "CPU);\n"
         "slept: how often the thread gave up the CPU by itself");
}
#else
int main(void)
{
    puts("01a-two-phases: only Linux (in /proc) tells what a thread does");
}
#endif
