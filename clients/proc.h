/*
 * proc: what the kernel tells of the server's processes: proc(5). It
 * includes no other module.
 *
 * A system without /proc tells nothing: false, or 0, and so for each function.
 */
#ifndef PROC_H
#define PROC_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct usage {   /* of all processes of a group, so far */
    double cpu;  /* seconds of CPU time; clock_getcpuclockid(3) */
    long sleeps; /* how often a thread gave up the CPU: it had to wait */
    long memory; /* resident, in KiB */
};

/* The next process of the group in PROCESSES, which is /proc; 0: no more. (On
   Linux only.) */
pid_t proc_next_of_group(DIR *processes, pid_t group);

/* What the process group uses. False: no such process is to be seen. */
bool proc_usage(pid_t group, struct usage *usage);

/* The process of the group that has this TCP connection of 127.0.0.1 open;
   0: none. Where several have it, one of them. */
pid_t proc_serving(pid_t group, int server_port, int client_port);

/* Our own children, at most MOST of them, and how many that are. Children of
   other threads are not among them; there are none here. */
size_t proc_children(pid_t *children, size_t most);

#endif
