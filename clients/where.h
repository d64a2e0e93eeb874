/*
 * where: which system call the server sleeps in, and for which client: from
 * /proc/PID/task/TID/syscall, proc(5). Below it: peers, proc.
 */
#ifndef WHERE_H
#define WHERE_H

#include <stddef.h>
#include <sys/types.h>
#include "peers.h"

enum { WHERE_BYTES = 800 };

/* Write to TEXT (WHERE_BYTES) what the threads of all processes of this group
   do: "the server sleeps in send() to A"; or "the server uses the CPU", if one
   of them does at five moments in 10 ms; and how many connections wait in the
   backlog. PORT is the port that the server listens at (0: unknown), PEERS are
   the clients that the text names. There is no newline at its end. "" means
   that the system does not tell, or that there is no such process. */
void where_look(char *text, pid_t group, int port, const struct peers *peers);

#endif
