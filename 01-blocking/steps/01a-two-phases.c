/*
 * 01a-two-phases: the two phases of one recv(), seen from another thread.
 *
 *     make 01a   or:  01-blocking/steps/01a-two-phases [-s SECONDS (0.2)]
 *
 * Question: One recv() is to return with 16 MiB (SO_RCVLOWAT), and one byte is
 * missing. Does its thread copy the other bytes now, or does it sleep?
 * One thread is in recv(), and main() watches it from outside, for SECONDS in
 * each wait. Phase 1 lasts until the last byte is there (SO_RCVLOWAT): the
 * thread sleeps, state S, uses no CPU, and has no byte yet. In phase 2 it
 * copies on the CPU: state R. Look at the state: recv() has returned in
 * neither phase, but the thread sleeps only in phase 1.
 * The notes: IO模式.
 *
 *                    in kernel    copied    S    R  time/ms   CPU/ms  slept
 *     1 nothing there         0         0   20    0    212.7      0.0      1
 *     1 one missing    16777215         0   20    0    206.6      0.0      0
 *     2 all copied           0  16777216    0  149      1.6      1.4      0
 */
#define _GNU_SOURCE /* sched_setaffinity(): only Linux has it */
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

static int ends[2]; /* of a connection: main() sends, the thread receives */
static int size;    /* so many bytes */
static char bytes[MOST], received[MOST];
static int status;           /* the thread's status file in /proc */
static clockid_t thread_cpu; /* the clock of its CPU time */
static struct sample at_call, at_return; /* of recv(), by the thread itself */
static atomic_bool calling, returned;

static struct sample take_sample(void)
{
    char lines[4096] = "";
    struct timespec cpu;
    clock_gettime(thread_cpu, &cpu);
    check(pread(status, lines, sizeof lines - 1, 0), "/proc");
    char *state = strstr(lines, "State:\t");
    char *slept = strstr(lines, "\nvoluntary_ctxt_switches:");
    if (!state || !slept)
        errx(1, "/proc/thread-self/status does not tell the state");
    return (struct sample){
        .time = now_ms(),
        .cpu = (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6,
        .slept = atol(strchr(slept, ':') + 1),
        .state = state[strlen("State:\t")],
    };
}

static void *receive(void *unused)
{
    (void)unused;
    status = check(open("/proc/thread-self/status", O_RDONLY), "/proc");
    pthread_getcpuclockid(pthread_self(), &thread_cpu);
    at_call = take_sample();
    calling = true;
    check(recv(ends[1], received, (size_t)size, 0), "recv");
    at_return = take_sample();
    returned = true;
    pause(); /* main() still reads this thread's status file */
    return NULL;
}

/* Start the thread, on all CPUs but the one of main(): if they shared a CPU,
   main() would not run while the thread does, and never see it in state R. */
static void start_thread(void)
{
    pthread_t thread;
    cpu_set_t one, others;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    check(sched_getaffinity(0, sizeof others, &others), "sched_getaffinity");
    CPU_XOR(&others, &others, &one);
    sched_setaffinity(0, sizeof others, &others); /* the thread inherits it */
    if (pthread_create(&thread, NULL, receive, NULL) != 0)
        errx(1, "pthread_create");
    sched_setaffinity(0, sizeof one, &one);
    while (!calling)
        sleep_ms(1);
}

/* Send COUNT more bytes, watch the thread, and print a row. PAUSE_MS is
   between two samples; 0: without a pause, until recv() has returned. */
static void observe(const char *phase, int count, long pause_ms)
{
    int asleep = 0, running = 0, in_kernel = 0, copied = 0;
    struct sample from = count == 0 ? at_call : take_sample(), to = from;
    check(send(ends[0], bytes, (size_t)count, 0), "send");
    while (pause_ms == 0 || asleep + running < SAMPLES) {
        if (pause_ms > 0)
            sleep_ms(pause_ms);
        to = take_sample();
        if (returned) { /* perhaps before this sample */
            to = at_return;
            break;
        }
        asleep += to.state == 'S';
        running += to.state == 'R';
    }
    ioctl(ends[1], FIONREAD, &in_kernel);
    for (int i = 0; i < size; i++)
        copied += received[i] == 'x';
    printf("%-15s %9d %9d %4d %4d %8.1f %8.1f %6ld\n", phase, in_kernel,
           copied, asleep, running, to.time - from.time, to.cpu - from.cpu,
           to.slept - from.slept);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS of each wait (0.2)]");
    long pause_ms = (long)(step.second * 1e3 / SAMPLES) + 1;

    connect_pair(&ends[1], &ends[0]);
    setsockopt(ends[1], SOL_SOCKET, SO_RCVLOWAT, &(int){ MOST }, sizeof(int));
    getsockopt(ends[1], SOL_SOCKET, SO_RCVLOWAT, &size,
               &(socklen_t){ sizeof size });
    memset(bytes, 'x', MOST);
    memset(received, '.', MOST); /* now, so that no page fault comes later */
    start_thread();

    printf("one recv() of %d bytes, seen from another thread\n"
           "                in kernel    copied    S    R  time/ms   CPU/ms  "
           "slept\n", size);
    observe("1 nothing there", 0, pause_ms);
    observe("1 one missing", size - 1, pause_ms);
    observe("2 all copied", 1, 0);
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
