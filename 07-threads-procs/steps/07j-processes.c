/*
 * 07j-processes: start, join and terminate children; kill their parent.
 *
 *     make 07j  or:  07-threads-procs/steps/07j-processes [-s SECONDS (0.2)]
 *
 * SECONDS: how long one second of the notes lasts. Look at terminate: it sends
 * SIGTERM, and a process may ignore that. Look at the last two lines: when a
 * parent is killed, its children live on, unless they have asked the kernel
 * (Linux) to kill them, too. Python's parent ends its daemon processes when it
 * exits; a parent that is killed by SIGKILL cannot do so.
 * The notes: 多进程, 父进程和子进程的id号, 二.process类.
 *
 *     main: pid 20311, parent 20307
 *     10 children: 10 known pids, 10 times our pid as the parent
 *     a child sets our number to 99: here it is still 1
 *     a child of 1 s: alive 1, exit code 0, alive 0
 *     exit(3): exit code 3
 *     abort(): exit code -6
 *     terminate: exit code -15
 *     terminate a child that ignores it: alive 1; kill: exit code -9
 *     name: baozi
 *     parent killed: its child lives on, with another parent
 *     parent killed: its child, which had asked for it, is killed, too
 */
#include "step.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { CHILDREN = 10 };

static int number = 1;
static int to_parent[2]; /* a pipe */

static bool is_alive(pid_t pid)
{
    siginfo_t info = { .si_pid = 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

static void send_to_parent(const void *bytes, size_t size)
{
    if (write(to_parent[1], bytes, size) != (ssize_t)size)
        err(1, "write");
}

static void read_child(void *bytes, size_t size)
{
    if (read(to_parent[0], bytes, size) != (ssize_t)size)
        err(1, "read");
}

static int send_pids(void)
{
    pid_t pids[2] = { getpid(), getppid() };
    nap(0.3);
    send_to_parent(pids, sizeof pids);
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

static int call_abort(void)
{
    abort();
}

static _Noreturn int sleep_for_ever(void)
{
    for (;;)
        pause();
}

static int ignore_sigterm(void)
{
    signal(SIGTERM, SIG_IGN);
    send_to_parent("", 1);
    return sleep_for_ever();
}

static int send_name(void)
{
    char name[16] = "?";
#ifdef __linux__
    prctl(PR_SET_NAME, "baozi");
    prctl(PR_GET_NAME, name);
#endif
    send_to_parent(name, sizeof name);
    return 0;
}

static bool asks_kernel;
static int life[2]; /* a pipe: a byte if the grandchild lives on, or EOF */

static int grandchild(void)
{
    pid_t parent = getppid();
#ifdef __linux__
    if (asks_kernel)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    send_to_parent("", 1);
    while (getppid() == parent)
        sleep_ms(5);
    return write(life[1], "", 1) != 1;
}

static int start_grandchild(void)
{
    create_process(grandchild);
    return sleep_for_ever();
}

static void ten_children(void)
{
    pid_t pids[2], children[CHILDREN];
    int known = 0, ours = 0;
    for (int i = 0; i < CHILDREN; i++)
        children[i] = create_process(send_pids);
    for (int i = 0; i < CHILDREN; i++) {
        read_child(pids, sizeof pids);
        for (int j = 0; j < CHILDREN; j++)
            known += children[j] == pids[0];
        ours += pids[1] == getpid();
    }
    for (int i = 0; i < CHILDREN; i++)
        join_process(children[i]);
    printf("%d children: %d known pids, %d times our pid as the parent\n",
           CHILDREN, known, ours);
}

static void terminate(void)
{
    char byte;
    pid_t pid = create_process(sleep_for_ever);
    kill(pid, SIGTERM);
    printf("terminate: exit code %d\n", join_process(pid));
    pid = create_process(ignore_sigterm);
    read_child(&byte, 1);
    kill(pid, SIGTERM);
    nap(0.5);
    printf("terminate a child that ignores it: alive %d; ", is_alive(pid));
    kill(pid, SIGKILL);
    printf("kill: exit code %d\n", join_process(pid));
}

static void kill_parent(void)
{
    char byte;
    if (pipe(life) < 0)
        err(1, "pipe");
    pid_t parent = create_process(start_grandchild);
    close(life[1]);
    read_child(&byte, 1); /* the grandchild runs */
    kill(parent, SIGKILL);
    join_process(parent);
    printf("parent killed: its child%s\n", read(life[0], &byte, 1) == 1 ?
           " lives on, with another parent" :
           ", which had asked for it, is killed, too");
    close(life[0]);
}

int main(int argc, char **argv)
{
    char name[16];
    begin_step(argc, argv, "s:", "[-s SECONDS (0.2)]");
    if (pipe(to_parent) < 0)
        err(1, "pipe");
    printf("main: pid %d, parent %d\n", (int)getpid(), (int)getppid());
    ten_children();
    join_process(create_process(change_number));
    printf("a child sets our number to 99: here it is still %d\n", number);

    pid_t pid = create_process(sleep_1_s);
    printf("a child of 1 s: alive %d, ", is_alive(pid));
    printf("exit code %d, ", join_process(pid));
    printf("alive %d\n", is_alive(pid));
    printf("exit(3): exit code %d\n", join_process(create_process(exit_3)));
    pid = create_process(call_abort);
    printf("abort(): exit code %d\n", join_process(pid));
    terminate();

    pid = create_process(send_name);
    read_child(name, sizeof name);
    join_process(pid);
    printf("name: %s\n", name);
    kill_parent();
#ifdef __linux__
    asks_kernel = true;
    kill_parent();
#endif
}
