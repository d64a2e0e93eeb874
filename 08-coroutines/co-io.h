/* co-io: who waits for which fd. For co.c alone; co.h is for all. */
#ifndef CO_IO_H
#define CO_IO_H

#include <stdbool.h>

/* Does anybody wait for an fd? */
bool co_io_awaited(void);

/* Wake those whose fds are ready. If there are none, sleep until there are,
   but MS milliseconds at most; -1: for ever. */
void co_io_wait(int ms);

#endif
