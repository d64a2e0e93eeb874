/* co-io: who waits for which fd. For co.c alone; co.h is for all. */
#ifndef CO_IO_H
#define CO_IO_H

#include <stdbool.h>

/* Wake those whose fds are ready. If there are none, sleep until there are,
   but MS milliseconds at most; -1: for ever. False: that would be for ever
   indeed, as nobody waits for an fd. */
bool co_io_wait(int ms);

#endif
