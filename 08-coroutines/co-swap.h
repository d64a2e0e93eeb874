/* co-swap: switch from one stack to another. Only co-stack and co.c use it;
   programs include co.h. Source: co-swap.c names the ABIs. */
#ifndef CO_SWAP_H
#define CO_SWAP_H

#include <stddef.h>

/* Save the registers on this stack, store its stack pointer in *FROM, and go
   on with the stack whose stack pointer is TO. A co_swap() that has left that
   stack returns VALUE there; if it is a new one of co_frame(), it calls
   enter(VALUE). Returns when a later co_swap() comes back to this stack, with
   the VALUE of that call. (__asm__ gives the name in assembly as it stands;
   macOS would put a _ before it.) */
void *co_swap(void **from, void *to, void *value) __asm__("co_swap");

/* Prepare a new stack, SIZE bytes from LOW up (LOW + SIZE is a multiple of
   16): the first co_swap() to it calls enter(VALUE), which must not return.
   ENTER must be the same function in all calls. Returns the stack pointer, the
   TO of co_swap(). */
void *co_frame(void *low, size_t size, void (*enter)(void *value));

#endif
