/*
 * tracee: what /proc and a thread's memory say about it. See tracee.h.
 *
 * Look at voluntary_switches(): with it trace.c knows which call slept.
 */
#define _GNU_SOURCE /* process_vm_readv */
#include "tracee.h"

#ifdef __linux__
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct { /* the epoll instance that epoll_size() counted last */
    pid_t pid;
    int fd, size; /* size: -1, once it may have changed */
} last_epoll = { .size = -1 };

/* The first 4 KiB of /proc/TID/NAME, "" where there is no such file. The next
   call overwrites them. */
static const char *read_proc(pid_t tid, const char *name)
{
    static char text[4096];
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", tid, name);
    FILE *file = fopen(path, "r");
    if (file) {
        n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    text[n] = '\0';
    return text;
}

/* The number in the line of /proc/TID/status that begins with NAME. */
static long status_number(pid_t tid, const char *name, long otherwise)
{
    const char *found = strstr(read_proc(tid, "status"), name);
    return found ? atol(found + strlen(name)) : otherwise;
}

bool proc_is_usable(void)
{
    char self[16] = "";
    return readlink("/proc/self", self, sizeof self - 1) > 0 &&
           atoi(self) == getpid() &&
           status_number(getpid(), "\nvoluntary_ctxt_switches:", -1) >= 0;
}

long voluntary_switches(pid_t tid)
{
    return status_number(tid, "\nvoluntary_ctxt_switches:", 0);
}

double thread_cpu_ms(pid_t tid)
{
    return atof(read_proc(tid, "schedstat")) / 1e6; /* the first number: ns */
}

/* The letter that ps(1) shows, or 0: there is no such thread. */
static char state_of(pid_t tid)
{
    const char *name_end = strrchr(read_proc(tid, "stat"), ')');
    return name_end ? name_end[2] : 0;
}

bool is_asleep(pid_t tid)
{
    char state = state_of(tid);
    return state == 'S' || state == 'D';
}

bool is_alive(pid_t tid)
{
    char state = state_of(tid);
    return state != 'Z' && state != 'X' && state != 0;
}

pid_t process_of(pid_t tid)
{
    return (pid_t)status_number(tid, "\nTgid:", tid);
}

enum fd_kind fd_kind(pid_t tid, int fd)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", tid, fd);
    if (stat(path, &status) < 0)
        return FD_UNKNOWN;
    if (S_ISSOCK(status.st_mode))
        return FD_SOCKET;
    return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? FD_DISK
                                                              : FD_STREAM;
}

/* /proc/TID/fdinfo/FD has a line "tfd: ..." for each registered fd. */
static int count_registered(pid_t tid, int fd)
{
    char path[64], line[256];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", tid, fd);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        n += strncmp(line, "tfd:", 4) == 0;
    if (file)
        fclose(file);
    return n;
}

int epoll_size(pid_t pid, pid_t tid, int fd)
{
    if (last_epoll.size < 0 || last_epoll.pid != pid || last_epoll.fd != fd) {
        last_epoll.pid = pid;
        last_epoll.fd = fd;
        last_epoll.size = count_registered(tid, fd);
    }
    return last_epoll.size;
}

void forget_epoll_size(void)
{
    last_epoll.size = -1;
}

/* Read word by word. A tracer may do that, whoever the user of the thread is;
   process_vm_readv() asks for more: CAP_SYS_PTRACE, or the same user. */
static bool peek_memory(pid_t tid, uint64_t address, char *to, size_t size)
{
    for (size_t n = 0; n < size; n += sizeof(long)) {
        errno = 0;
        long word = ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)
                           (address + n), NULL);
        if (errno != 0)
            return n > 0;
        memcpy(to + n, &word, size - n < sizeof word ? size - n : sizeof word);
    }
    return true;
}

bool read_memory(pid_t tid, uint64_t address, void *to, size_t size)
{
    struct iovec ours = { to, size };
    struct iovec theirs = { (void *)(uintptr_t)address, size };
    memset(to, 0, size);
    if (address == 0)
        return false;
    return process_vm_readv(tid, &ours, 1, &theirs, 1, 0) > 0 ||
           peek_memory(tid, address, to, size);
}
#endif
