/* proc: what the kernel tells of the server's processes. See proc.h. */
#include "proc.h"
#include <signal.h>
#ifdef __linux__
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

bool proc_look(pid_t pid, struct process *p)
{
    char name[64], line[256];
    snprintf(name, sizeof name, "/proc/%d/status", (int)pid);
    FILE *f = fopen(name, "r");
    *p = (struct process){ '\0', 0, 0 };
    if (f == NULL)
        return false;
    while (fgets(line, sizeof line, f) != NULL) {
        sscanf(line, "State: %c", &p->state);
        sscanf(line, "PPid: %d", &p->parent);
        sscanf(line, "TracerPid: %d", &p->tracer);
    }
    fclose(f);
    return p->state != '\0';
}

bool proc_descends(pid_t pid, pid_t ancestor)
{
    struct process p;
    while (pid != ancestor) {
        if (!proc_look(pid, &p) || p.parent <= 1)
            return false;
        pid = p.parent;
    }
    return true;
}

bool proc_group_lives(pid_t group)
{
    struct process p;
    bool lives = false;
    pid_t pid;
    DIR *processes = opendir("/proc");
    while (!lives && (pid = proc_next_of_group(processes, group)) > 0)
        lives = proc_look(pid, &p) && p.state != 'Z' && p.state != 'X';
    if (processes != NULL)
        closedir(processes);
    return lives;
}

/* --------------------------------------- what a server should not do */

enum { SOME_SOCKETS = 200, LISTENS = 0x0a };

struct sockets {
    size_t n;
    unsigned long inodes[SOME_SOCKETS];
    char names[SOME_SOCKETS][80]; /* ADDRESS:PORT */
};

/* Write ADDRESS (hexadecimal numbers of 32 bits, as the kernel keeps them) and
   the port. Returns whether it is 127.0.0.1, in IPv4 or inside of IPv6. */
static bool name_address(char *to, const char *address, unsigned port)
{
    char text[INET6_ADDRSTRLEN] = "?";
    unsigned words[4] = { 0 };
    bool six = strlen(address) == 32;
    for (size_t i = 0; i < (six ? 4 : 1); i++)
        sscanf(address + 8 * i, "%8x", &words[i]);
    inet_ntop(six ? AF_INET6 : AF_INET, words, text, sizeof text);
    sprintf(to, six ? "[%s]:%u" : "%s:%u", text, port);
    return strcmp(text, "127.0.0.1") == 0 ||
           strcmp(text, "::ffff:127.0.0.1") == 0;
}

/* Add the sockets of this machine that listen, but on 127.0.0.1:PORT. */
static void add_listening(const char *name, unsigned port, struct sockets *s)
{
    char line[512], address[33];
    unsigned at, state;
    unsigned long inode;
    FILE *f = fopen(name, "r");
    while (f != NULL && s->n < SOME_SOCKETS &&
           fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "%*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s "
                   "%*u %*u %lu", address, &at, &state, &inode) != 4)
            continue; /* the line of titles */
        if (state != LISTENS)
            break; /* the kernel prints those that listen first */
        if (name_address(s->names[s->n], address, at) && at == port)
            continue;
        s->inodes[s->n++] = inode;
    }
    if (f != NULL)
        fclose(f);
}

/* The kernel's number for the socket that listens on 127.0.0.1:PORT, or on all
   addresses; 0: none does. (What listens stands first in the file.) */
static unsigned long listener_of(unsigned port)
{
    char line[512], address[9];
    unsigned at, state = LISTENS;
    unsigned long inode, found = 0;
    FILE *f = fopen("/proc/net/tcp", "r");
    while (f != NULL && found == 0 && state == LISTENS &&
           fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "%*d: %8[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s "
                   "%*u %*u %lu", address, &at, &state, &inode) == 4 &&
            state == LISTENS && at == port)
            found = inode;
    if (f != NULL)
        fclose(f);
    return found;
}

/* Can we see which fds the process has open? */
static bool shows_fds(pid_t pid)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/fd", (int)pid);
    return access(name, R_OK | X_OK) == 0;
}

bool proc_port_is_of_another(pid_t group, int port)
{
    unsigned long inode = listener_of((unsigned)port);
    bool another = inode != 0;
    pid_t pid;
    DIR *processes = another ? opendir("/proc") : NULL;
    while (another && (pid = proc_next_of_group(processes, group)) > 0)
        another = shows_fds(pid) && !has_open(pid, inode);
    if (processes != NULL)
        closedir(processes);
    return another;
}

/* How many fds of the group are sockets? */
static size_t count_sockets(pid_t group)
{
    char name[300], target[8];
    struct dirent *entry;
    size_t n = 0;
    pid_t pid;
    DIR *processes = opendir("/proc");
    while ((pid = proc_next_of_group(processes, group)) > 0) {
        snprintf(name, sizeof name, "/proc/%d/fd", (int)pid);
        DIR *fds = opendir(name);
        while (fds != NULL && (entry = readdir(fds)) != NULL) {
            snprintf(name, sizeof name, "/proc/%d/fd/%.20s", (int)pid,
                     entry->d_name);
            n += readlink(name, target, sizeof target) == sizeof target &&
                 memcmp(target, "socket:[", sizeof target) == 0;
        }
        if (fds != NULL)
            closedir(fds);
    }
    if (processes != NULL)
        closedir(processes);
    return n;
}

/* Does a socket listen on all addresses at PORT? Then nobody else can have the
   port on another one. */
static bool listens_on_all(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1), /* 127.0.0.2 */
        .sin_port = htons((uint16_t)port),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && bind(fd, (struct sockaddr *)&address,
                                 sizeof address) < 0 && errno == EADDRINUSE;
    if (fd >= 0)
        close(fd);
    return taken;
}

bool proc_listens_elsewhere(pid_t group, int port, size_t known, char *text,
                            size_t size)
{
    static struct sockets s;
    bool found = false;
    pid_t pid;
    s.n = 0;
    if (count_sockets(group) <= known && !listens_on_all(port))
        return false; /* else look: /proc/net takes up to 50 ms */
    add_listening("/proc/net/tcp", (unsigned)port, &s);
    add_listening("/proc/net/tcp6", (unsigned)port, &s);
    DIR *processes = s.n == 0 ? NULL : opendir("/proc");
    while (!found && (pid = proc_next_of_group(processes, group)) > 0)
        for (size_t i = 0; i < s.n && !found; i++) {
            found = has_open(pid, s.inodes[i]);
            snprintf(text, size, "%s", s.names[i]);
        }
    if (processes != NULL)
        closedir(processes);
    return found;
}

bool proc_runs_below(pid_t group, const char *directory, const char *program,
                     char *text, size_t size)
{
    char name[64], path[4096];
    size_t length = strlen(directory);
    bool found = false;
    pid_t pid;
    DIR *processes = opendir("/proc");
    while (!found && (pid = proc_next_of_group(processes, group)) > 0) {
        snprintf(name, sizeof name, "/proc/%d/exe", (int)pid);
        ssize_t n = readlink(name, path, sizeof path - 1);
        path[n < 0 ? 0 : n] = '\0';
        found = strncmp(path, directory, length) == 0 &&
                path[length] == '/' && strcmp(path, program) != 0;
        snprintf(text, size, "%s", found ? path + length + 1 : "");
    }
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

bool proc_look(pid_t pid, struct process *p)
{
    (void)pid;
    *p = (struct process){ '\0', 0, 0 };
    return false;
}

bool proc_descends(pid_t pid, pid_t ancestor)
{
    (void)pid, (void)ancestor;
    return false;
}

bool proc_group_lives(pid_t group)
{
    return kill(-group, 0) == 0;
}

bool proc_listens_elsewhere(pid_t group, int port, size_t known, char *text,
                            size_t size)
{
    (void)group, (void)port, (void)known, (void)text, (void)size;
    return false;
}

bool proc_port_is_of_another(pid_t group, int port)
{
    (void)group, (void)port;
    return false;
}

bool proc_runs_below(pid_t group, const char *directory, const char *program,
                     char *text, size_t size)
{
    (void)group, (void)directory, (void)program, (void)text, (void)size;
    return false;
}

size_t proc_children(pid_t *children, size_t most)
{
    (void)children, (void)most;
    return 0;
}

#endif
