/*
 * 07j-processes: start, join and terminate children; kill their parent.
 *
 *     make 07j  or:  07-threads-procs/steps/07j-processes [-s SECONDS (0.2)]
 *
 * Question: SIGKILL ends a process that has a child. Does the child end, too?
 * Look at terminate: it sends SIGTERM, and a process may ignore that. Look at
 * the last two lines: when a parent is killed, its children live on, unless
 * they have asked the kernel (Linux) to kill them, too. Python's parent ends
 * its daemon processes when it exits; a parent that is killed cannot do so.
 * The notes: 多进程, 父进程和子进程的id号, 二.process类.
 *
 *     10 children: 10 known pids, 10 times our pid as the parent
 *     a child sets our number to 99: here it is still 1
 *     a child of 1 s: alive 1, exit code 0, alive 0
 *     ...
 *     terminate a child that ignores it: alive 1; kill: exit code -9
 *     ...
 *     parent killed: its child lives on, with another parent
 *     parent killed: its child, which had asked for it, is killed, too
 */
#include "step.h"
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { CHILDREN = 10 };

static int ends[2]; /* a pipe: children write to ends[1] */
static int number = 1;

static bool is_alive(pid_t pid)
{
    siginfo_t info = { .si_pid = 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

static _Noreturn void sleep_for_ever(void)
{
    for (;;)
        pause();
}

/* A child sends two pids. The first is known if it is a child of ours:
   waitpid() finds no other. */
static void ten_children(void)
{
    pid_t pids[2];
    int known = 0, ours = 0;
    for (int i = 0; i < CHILDREN; i++)
        if (fork_process() == 0) {
            pids[0] = getpid();
            pids[1] = getppid();
            nap(0.3);
            _exit(write(ends[1], pids, sizeof pids) != sizeof pids);
        }
    for (int i = 0; i < CHILDREN; i++) {
        check(read(ends[0], pids, sizeof pids), "read");
        known += waitpid(pids[0], NULL, 0) == pids[0];
        ours += pids[1] == getpid();
    }
    printf("%d children: %d known pids, %d times our pid as the parent\n",
           CHILDREN, known, ours);
}

static void change_number(void)
{
    pid_t pid = fork_process();
    if (pid == 0) {
        number = 99;
        _exit(0);
    }
    join_process(pid);
    printf("a child sets our number to 99: here it is still %d\n", number);
}

static void exit_codes(void)
{
    pid_t pid = fork_process();
    if (pid == 0) {
        nap(1);
        _exit(0);
    }
    printf("a child of 1 s: alive %d, ", is_alive(pid));
    printf("exit code %d, ", join_process(pid));
    printf("alive %d\n", is_alive(pid));

    if ((pid = fork_process()) == 0)
        exit(3);
    printf("exit(3): exit code %d\n", join_process(pid));
    if ((pid = fork_process()) == 0)
        abort();
    printf("abort(): exit code %d\n", join_process(pid));
}

static void terminate(void)
{
    char byte;
    pid_t pid = fork_process();
    if (pid == 0)
        sleep_for_ever();
    kill(pid, SIGTERM);
    printf("terminate: exit code %d\n", join_process(pid));

    if ((pid = fork_process()) == 0) {
        signal(SIGTERM, SIG_IGN);
        check(write(ends[1], "", 1), "write");
        sleep_for_ever();
    }
    check(read(ends[0], &byte, 1), "read"); /* it ignores SIGTERM now */
    kill(pid, SIGTERM);
    nap(0.5);
    printf("terminate a child that ignores it: alive %d; ", is_alive(pid));
    kill(pid, SIGKILL);
    printf("kill: exit code %d\n", join_process(pid));
}

static void name_of_a_child(void)
{
    pid_t pid = fork_process();
    if (pid == 0) {
        char name[16] = "?";
#ifdef __linux__
        prctl(PR_SET_NAME, "baozi");
        prctl(PR_GET_NAME, name);
#endif
        printf("name: %s\n", name);
        exit(0);
    }
    join_process(pid);
}

/* It writes a byte when it runs, and another one when its parent has ended. */
static _Noreturn void be_grandchild(bool asks_kernel)
{
    pid_t parent = getppid();
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, asks_kernel ? SIGKILL : 0);
#endif
    (void)asks_kernel; /* elsewhere the kernel cannot do that */
    check(write(ends[1], "", 1), "write");
    while (getppid() == parent)
        sleep_ms(5);
    _exit(write(ends[1], "", 1) != 1);
}

static void kill_parent(bool asks_kernel)
{
    char byte;
    check(pipe(ends), "pipe");
    pid_t parent = fork_process();
    if (parent == 0) {
        if (fork_process() == 0)
            be_grandchild(asks_kernel);
        sleep_for_ever();
    }
    close(ends[1]); /* so read() returns 0 when the grandchild is dead */
    check(read(ends[0], &byte, 1), "read");
    kill(parent, SIGKILL);
    join_process(parent);
    printf("parent killed: its child%s\n", read(ends[0], &byte, 1) == 1 ?
           " lives on, with another parent" :
           ", which had asked for it, is killed, too");
    close(ends[0]);
}

int main(int argc, char **argv)
{
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    check(pipe(ends), "pipe");
    printf("main: pid %d, parent %d\n", (int)getpid(), (int)getppid());
    ten_children();
    change_number();
    exit_codes();
    terminate();
    name_of_a_child();
    kill_parent(false);
#ifdef __linux__
    kill_parent(true);
#endif
}
