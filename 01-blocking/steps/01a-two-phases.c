/*
 * 01a-two-phases: one recv(), and its two phases as seen from outside.
 *
 *     make 01a                                        run it
 *     01-blocking/steps/01a-two-phases [-s SECONDS]   of each wait (0.2)
 *
 * A thread is in recv(), and main() looks at it. SO_RCVLOWAT lets recv() wait
 * until all bytes are there, so the last one ends phase 1. Until then: state
 * S, asleep, no CPU, not a byte is ours. From then on: state R, and it copies
 * on the CPU. The caller waits for recv() in both, but it sleeps in one only.
 * The notes: IO模式.
 *
 *     one recv() of 16777216 bytes, seen from another thread
 *                     in kernel      ours    S    R  time/ms   CPU/ms  slept
 *     1 nothing there         0         0   20    0    212.7      0.0      1
 *     1 one missing    16777215         0   20    0    206.6      0.0      0
 *     2 all copied           0  16777216    0  149      1.6      1.4      0
 *     S, R: how often it was seen asleep, and running (or queued for a CPU);
 *     slept: how often it has given up the CPU by itself
 */
#define _GNU_SOURCE /* who runs on which CPU: Linux alone can say */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
enum {
    MOST = 16 << 20, /* bytes to receive; the kernel may hold less for us */
    LOOKS = 20,      /* at the thread, in each wait */
};

struct look { /* at the thread */
    double time, cpu; /* ms; cpu: its own */
    long slept;       /* times: voluntary context switches */
    char state;       /* S: asleep; R: running, or waiting for a CPU */
};

static int fd, size;  /* what the thread receives, */
static char *ours;    /* and where to */
static int status;    /* its file in /proc */
static clockid_t cpu; /* its CPU time */
static struct look before, after; /* recv(), as the thread saw itself */
static atomic_bool begun, done;

static double ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct look look(void)
{
    char text[4096] = "";
    struct look l = { .time = ms(CLOCK_MONOTONIC), .cpu = ms(cpu) };
    ssize_t n = pread(status, text, sizeof text - 1, 0);
    char *state = strstr(text, "State:\t");
    char *slept = strstr(text, "\nvoluntary_ctxt_switches:");
    if (n < 0 || !state || !slept)
        errx(1, "/proc/thread-self/status does not tell the state");
    l.state = state[strlen("State:\t")];
    l.slept = atol(strchr(slept, ':') + 1);
    return l;
}

static void *receive(void *unused)
{
    (void)unused;
    status = open("/proc/thread-self/status", O_RDONLY);
    pthread_getcpuclockid(pthread_self(), &cpu);
    before = look();
    begun = true;
    ssize_t n = recv(fd, ours, (size_t)size, 0);
    after = look();
    if (n != size)
        err(1, "recv: %zd of %d bytes", n, size);
    done = true;
    for (;;)
        pause(); /* else main() would look at nobody */
}

/* What the thread does from then on, until it is done or we have seen enough;
   nap: microseconds between two looks; 0: on and on until it is done. */
static void watch(const char *what, struct look from, useconds_t nap)
{
    int asleep = 0, running = 0, in_kernel = 0, copied = 0;
    struct look to = from;
    while (nap == 0 || asleep + running < LOOKS) {
        if (nap > 0)
            usleep(nap);
        struct look now = look();
        if (done) { /* perhaps before that look */
            to = after;
            break;
        }
        to = now;
        asleep += now.state == 'S';
        running += now.state == 'R';
    }
    ioctl(fd, FIONREAD, &in_kernel);
    for (int i = 0; i < size; i++)
        copied += ours[i] == 'x';
    printf("%-15s %9d %9d %4d %4d %8.1f %8.1f %6ld\n", what, in_kernel,
           copied, asleep, running, to.time - from.time, to.cpu - from.cpu,
           to.slept - from.slept);
}

/* main() gets a CPU, the thread the others: on the same one, main() would not
   see it run. */
static void part_from(pthread_t thread)
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

/* A TCP connection to ourselves: fd receives what is sent to the result. */
static int connect_to_fd(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int sender = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
        connect(sender, (struct sockaddr *)&address, length) < 0 ||
        (fd = accept(listener, NULL, NULL)) < 0)
        err(1, "a connection to 127.0.0.1");
    return sender;
}

int main(int argc, char **argv)
{
    double second = 0.2;
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    useconds_t nap = (useconds_t)(second * 1e6 / LOOKS) + 1;

    int sender = connect_to_fd();
    socklen_t length = sizeof size;
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ MOST }, sizeof(int));
    getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &size, &length);
    char *theirs = malloc((size_t)size);
    ours = malloc((size_t)size);
    if (!theirs || !ours)
        err(1, "malloc");
    memset(theirs, 'x', (size_t)size);
    memset(ours, '.', (size_t)size); /* real memory: no page faults later */
    pthread_t thread;
    if (pthread_create(&thread, NULL, receive, NULL) != 0)
        errx(1, "pthread_create");
    while (!begun)
        usleep(1000);
    part_from(thread);

    printf("one recv() of %d bytes, seen from another thread\n", size);
    puts("                in kernel      ours    S    R  time/ms   CPU/ms  "
         "slept");
    watch("1 nothing there", before, nap);
    struct look from = look();
    if (send(sender, theirs, (size_t)size - 1, 0) != size - 1)
        err(1, "send");
    watch("1 one missing", from, nap);
    from = look();
    if (send(sender, theirs, 1, 0) != 1)
        err(1, "send");
    watch("2 all copied", from, 0);
    puts("S, R: how often it was seen asleep, and running (or queued for a "
         "CPU);\n"
         "slept: how often it has given up the CPU by itself");
}
#else
int main(void)
{
    puts("01a-two-phases: only Linux (in /proc) tells what a thread does");
}
#endif
