/*
 * 07j-processes: start, join, terminate; who is whose parent, and for how
 * long.
 *
 *     make 07j  or:  07-threads-procs/steps/07j-processes [-s SECONDS (0.2)]
 *
 * SECONDS: how long a second of the notes lasts. Look at terminate: it asks
 * (SIGTERM), and one may refuse. And at the last two lines: when a parent is
 * killed its children live on, unless they have asked the kernel (Linux) to
 * end with it. A "daemon" of Python is ended by its parent's last breath, and
 * who is killed has none.
 * The notes: 多进程, 父进程和子进程的id号, 二.process类.
 *
 *     main: pid 20311, its parent 20307
 *     10 children: 10 pids, 10 times our pid for a parent
 *     a child made our number 99: it is still 1
 *     a child of 1 s: alive 1, exit code 0, alive 0
 *     exit(3): exit code 3
 *     abort(): exit code -6
 *     terminate: exit code -15
 *     terminate one who ignores it: alive 1; kill: exit code -9
 *     name: baozi
 *     parent killed: its child lives on, with another parent
 *     parent killed: its child, who had asked for it, has ended
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 10 };

static double second = 0.2; /* how long a second of the notes lasts here */
static double start;

/* The clock of the notes. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec / 1e9) / second - start;
}

static void nap(double seconds)
{
    usleep((useconds_t)(seconds * second * 1e6));
}

/* A line in one piece, whoever else prints. */
static void take_options(int argc, char **argv)
{
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "-s") != 0 ||
                     !((second = atof(argv[2])) >= 0.001 && second <= 60)))
        errx(2, "usage: %s [-s SECONDS (0.2)]", argv[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    start = now();
}

/* A child that runs the body, and ends with the status that it returns. */
static pid_t child(int (*body)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        err(1, "fork");
    if (pid == 0)
        _exit(body());
    return pid;
}

/* Join: sleep until it has ended. Its exit status, or minus the signal that
   killed it, as in Python. */
static int joined(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0)
        err(1, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int number = 1;
static int to_parent[2]; /* a pipe */

static bool is_alive(pid_t pid)
{
    siginfo_t info = { .si_pid = 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

static void report(const void *what, size_t size)
{
    if (write(to_parent[1], what, size) != (ssize_t)size)
        err(1, "write");
}

static int report_pids(void)
{
    pid_t pids[2] = { getpid(), getppid() };
    nap(0.3);
    report(pids, sizeof pids);
    return 0;
}

static int change_number(void)
{
    number = 99;
    return 0;
}

static int sleep_1_s(void)
{
    nap(1);
    return 0;
}

static int exit_3(void)
{
    exit(3);
}

static int give_up(void)
{
    abort();
}

static _Noreturn int sleep_for_ever(void)
{
    for (;;)
        pause();
}

static int ignore_and_sleep(void)
{
    signal(SIGTERM, SIG_IGN);
    report("", 1);
    return sleep_for_ever();
}

static int hand_on_my_name(void)
{
    char name[16] = "?";
#ifdef __linux__
    prctl(PR_SET_NAME, "baozi");
    FILE *f = fopen("/proc/self/comm", "r");
    if (f == NULL || fscanf(f, "%15s", name) != 1)
        err(1, "/proc/self/comm");
#endif
    report(name, sizeof name);
    return 0;
}

static bool asks;
static int life[2]; /* a pipe: a byte from who lives on, or the end of file */

static int grandchild(void)
{
    pid_t parent = getppid();
#ifdef __linux__
    if (asks)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    report("", 1);
    while (getppid() == parent)
        nap(0.1);
    return write(life[1], "", 1) != 1;
}

static int have_a_child(void)
{
    child(grandchild);
    return sleep_for_ever();
}

static void hear(void *what, size_t size)
{
    if (read(to_parent[0], what, size) != (ssize_t)size)
        err(1, "read");
}

static void ten_children(void)
{
    pid_t pids[2], seen[CHILDREN], children[CHILDREN];
    int different = 0, ours = 0;
    for (int i = 0; i < CHILDREN; i++)
        children[i] = child(report_pids);
    for (int i = 0; i < CHILDREN; i++) {
        bool is_new = true;
        hear(pids, sizeof pids);
        for (int j = 0; j < i; j++)
            is_new = is_new && seen[j] != pids[0];
        seen[i] = pids[0];
        different += is_new;
        ours += pids[1] == getpid();
    }
    for (int i = 0; i < CHILDREN; i++)
        joined(children[i]);
    printf("%d children: %d pids, %d times our pid for a parent\n", CHILDREN,
           different, ours);
}

static void kill_a_parent(void)
{
    char byte;
    if (pipe(life) < 0)
        err(1, "pipe");
    pid_t parent = child(have_a_child);
    close(life[1]);
    hear(&byte, 1); /* the grandchild is there */
    kill(parent, SIGKILL);
    joined(parent);
    printf("parent killed: its child%s\n", read(life[0], &byte, 1) == 1 ?
           " lives on, with another parent" :
           ", who had asked for it, has ended");
    close(life[0]);
}

int main(int argc, char **argv)
{
    char name[16], byte;
    take_options(argc, argv);
    if (pipe(to_parent) < 0)
        err(1, "pipe");
    printf("main: pid %d, its parent %d\n", (int)getpid(), (int)getppid());
    ten_children();

    joined(child(change_number));
    printf("a child made our number 99: it is still %d\n", number);

    pid_t pid = child(sleep_1_s);
    printf("a child of 1 s: alive %d, ", is_alive(pid));
    printf("exit code %d, ", joined(pid));
    printf("alive %d\n", is_alive(pid));
    printf("exit(3): exit code %d\n", joined(child(exit_3)));
    printf("abort(): exit code %d\n", joined(child(give_up)));

    pid = child(sleep_for_ever);
    kill(pid, SIGTERM);
    printf("terminate: exit code %d\n", joined(pid));
    pid = child(ignore_and_sleep);
    hear(&byte, 1);
    kill(pid, SIGTERM);
    nap(0.5);
    printf("terminate one who ignores it: alive %d; ", is_alive(pid));
    kill(pid, SIGKILL);
    printf("kill: exit code %d\n", joined(pid));

    pid = child(hand_on_my_name);
    hear(name, sizeof name);
    joined(pid);
    printf("name: %s\n", name);

    kill_a_parent();
#ifdef __linux__
    asks = true;
    kill_a_parent();
#endif
}
