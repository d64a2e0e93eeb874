/* co-swap: from one stack to another. For co.c alone; co.h is for all. */
#ifndef CO_SWAP_H
#define CO_SWAP_H

#include <stddef.h>

/* Leave this stack: write down at FROM where it ends. Go on upon the one that
   ends at TO; there, VALUE is what co_swap() or, the first time, enter()
   gets. Returns when somebody comes back, with that one's VALUE. (The name is
   given as it stands; macOS would put a _ before it.) */
void *co_swap(void **from, void *to, void *value) __asm__("co_swap");

/* Make the SIZE bytes at LOW (together a multiple of 16) a stack that looks as
   if it had called co_swap(), and goes on in enter(), which must not return;
   the same one for all. Returns where it ends. */
void *co_frame(void *low, size_t size, void (*enter)(void *value));

#endif
