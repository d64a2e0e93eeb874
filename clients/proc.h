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

struct process {
    char state;   /* 'T': it is stopped; see proc_pid_status(5) */
    pid_t parent;
    pid_t tracer; /* 0: none */
};

/* What the process is and does. False: there is no such process. */
bool proc_look(pid_t pid, struct process *p);

/* Is the process a child of ANCESTOR, or a child of such a child, ...? */
bool proc_descends(pid_t pid, pid_t ancestor);

/* Is a process of the group alive? Zombies are not. */
bool proc_group_lives(pid_t group);

/* Does a process of the group listen (TCP) on anything but 127.0.0.1:PORT?
   Then TEXT (of SIZE bytes) is the address and the port. If the group has no
   more than the KNOWN sockets, the answer comes sooner. */
bool proc_listens_elsewhere(pid_t group, int port, size_t known, char *text,
                            size_t size);

/* Does another process than one of the group listen on PORT? False, too, if
   that cannot be found out. */
bool proc_port_is_of_another(pid_t group, int port);

/* Does a process of the group run a program below DIRECTORY, but not PROGRAM?
   Then TEXT is its path, from there. Both are paths as realpath(3) returns
   them. */
bool proc_runs_below(pid_t group, const char *directory, const char *program,
                     char *text, size_t size);

/* Our own children, at most MOST of them, and how many that are. Children of
   other threads are not among them; there are none here. */
size_t proc_children(pid_t *children, size_t most);

#endif
