/*
 * dispatch: from a client's line to the command in it, and what this command
 * needs before it may run. The two functions are for struct settings. A line
 * has no LF or CR LF.
 */
#ifndef FTP_DISPATCH_H
#define FTP_DISPATCH_H

#include <stdint.h>

#include "session.h"

/* How many ms the command must wait, because a password of its account was
   wrong. 0: it may run now. -1: not before the transfer has ended. */
int64_t dispatch_wait(const struct session *s, const char *line);

/* Run the command, or refuse it. It sends a reply, now or later. It may change
   the bytes of line. */
void dispatch_run(struct session *s, char *line);

#endif
