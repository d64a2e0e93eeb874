/*
 * tracee: what the kernel says about a thread that another process traces:
 * its state, its fds, its memory. From proc(5) and process_vm_readv(2); Linux
 * only.
 *
 * Each function takes a thread id. A process id would not do: when the first
 * thread of a process has ended, /proc/PID shows nothing of the others. No
 * function fails: what the kernel does not say is 0, false or FD_UNKNOWN.
 */
#ifndef TRACEE_H
#define TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum fd_kind { FD_UNKNOWN, FD_SOCKET, FD_DISK, FD_STREAM };

/* True: /proc shows our own pid namespace, and counts context switches. */
bool proc_is_usable(void);

/* How many times the thread has given up the CPU by itself to wait. */
long voluntary_switches(pid_t tid);

/* How much CPU time the thread has used, in ms. */
double thread_cpu_ms(pid_t tid);

bool is_asleep(pid_t tid); /* it waits in the kernel: state S or D */
bool is_alive(pid_t tid);  /* it exists and is no zombie */

/* The process that the thread belongs to; TID where that is not known. */
pid_t process_of(pid_t tid);

/* FD_DISK: a file or directory on disk; FD_STREAM: a pipe, a terminal ... */
enum fd_kind fd_kind(pid_t tid, int fd);

/* How many fds are registered with the epoll instance FD of process PID, to
   which thread TID belongs. The last count is kept until forget_epoll_size():
   call that after each call that may change it, epoll_ctl() and close(). */
int epoll_size(pid_t pid, pid_t tid, int fd);
void forget_epoll_size(void);

/* Copy SIZE bytes from this address of the thread's memory to TO. Where only
   some of them are readable, copy those and set the rest to 0. False: copied
   none, or the address is NULL. */
bool read_memory(pid_t tid, uint64_t address, void *to, size_t size);

#endif
