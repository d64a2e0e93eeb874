/* proc: what the kernel tells of the server's processes. See proc.h. */
#include "proc.h"
#ifdef __linux__
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Add how often the threads of the process have gone to sleep. */
static void add_sleeps(pid_t pid, struct usage *usage)
{
    char name[300], line[256];
    struct dirent *task;
    long count;
    snprintf(name, sizeof name, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(name);
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        snprintf(name, sizeof name, "/proc/%d/task/%.20s/status", (int)pid,
                 task->d_name);
        FILE *f = task->d_name[0] == '.' ? NULL : fopen(name, "r");
        while (f != NULL && fgets(line, sizeof line, f) != NULL)
            if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
                usage->sleeps += count;
        if (f != NULL)
            fclose(f);
    }
    if (tasks != NULL)
        closedir(tasks);
}

static void add_process(pid_t pid, struct usage *usage)
{
    char name[64];
    clockid_t clock;
    struct timespec used;
    long pages;
    if (clock_getcpuclockid(pid, &clock) == 0 &&
        clock_gettime(clock, &used) == 0)
        usage->cpu += (double)used.tv_sec + (double)used.tv_nsec / 1e9;
    snprintf(name, sizeof name, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(name, "r");
    if (f != NULL && fscanf(f, "%*d %ld", &pages) == 1)
        usage->memory += pages * (sysconf(_SC_PAGESIZE) / 1024);
    if (f != NULL)
        fclose(f);
    add_sleeps(pid, usage);
}

pid_t proc_next_of_group(DIR *processes, pid_t group)
{
    struct dirent *entry;
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);
        if (pid > 0 && getpgid(pid) == group)
            return pid;
    }
    return 0;
}

bool proc_usage(pid_t group, struct usage *usage)
{
    bool any = false;
    pid_t pid;
    DIR *processes = opendir("/proc");
    *usage = (struct usage){ 0, 0, 0 };
    for (; (pid = proc_next_of_group(processes, group)) > 0; any = true)
        add_process(pid, usage);
    if (processes != NULL)
        closedir(processes);
    return any;
}

/* The kernel's number for the socket of the server's end; 0: not found. */
static unsigned long inode_of(unsigned server_port, unsigned client_port)
{
    char line[512];
    unsigned from, to, state;
    unsigned long inode, found = 0;
    FILE *f = fopen("/proc/net/tcp", "r");
    while (f != NULL && found == 0 && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "%*d: %*x:%x %*x:%x %x %*s %*s %*s %*u %*u %lu",
                   &from, &to, &state, &inode) == 4 &&
            from == server_port && to == client_port)
            found = inode;
    if (f != NULL)
        fclose(f);
    return found;
}

/* Has the process this socket open? */
static bool has_open(pid_t pid, unsigned long inode)
{
    char name[300], target[64], wanted[64];
    struct dirent *entry;
    bool found = false;
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    snprintf(name, sizeof name, "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(name);
    while (fds != NULL && !found && (entry = readdir(fds)) != NULL) {
        snprintf(name, sizeof name, "/proc/%d/fd/%.20s", (int)pid,
                 entry->d_name);
        ssize_t n = readlink(name, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (fds != NULL)
        closedir(fds);
    return found;
}

pid_t proc_serving(pid_t group, int server_port, int client_port)
{
    unsigned long inode = inode_of((unsigned)server_port,
                                   (unsigned)client_port);
    pid_t pid = 0, found = 0;
    DIR *processes = inode == 0 ? NULL : opendir("/proc");
    while ((pid = proc_next_of_group(processes, group)) > 0)
        if (has_open(pid, inode))
            found = pid;
    if (processes != NULL)
        closedir(processes);
    return found;
}

size_t proc_children(pid_t *children, size_t most)
{
    size_t n = 0;
    FILE *f = fopen("/proc/thread-self/children", "r");
    while (f != NULL && n < most && fscanf(f, "%d", &children[n]) == 1)
        n++;
    if (f != NULL)
        fclose(f);
    return n;
}

#else

bool proc_usage(pid_t group, struct usage *usage)
{
    (void)group;
    *usage = (struct usage){ 0, 0, 0 };
    return false;
}

pid_t proc_serving(pid_t group, int server_port, int client_port)
{
    (void)group, (void)server_port, (void)client_port;
    return 0;
}

size_t proc_children(pid_t *children, size_t most)
{
    (void)children, (void)most;
    return 0;
}

#endif
