/* co-swap: switch from one stack to another. Only co-stack and co.c use it;
   programs include co.h. Source: co-swap.c names the ABIs. */
#ifndef CO_SWAP_H
#define CO_SWAP_H

#include <stddef.h>

/* Save the registers on this stack, store its end (its stack pointer) at FROM,
   and go on upon the stack that ends at TO, which co_swap() or co_frame() has
   prepared. On that stack, co_swap() returns VALUE or, the first time, enter()
   gets it. Returns when a later co_swap() comes back to FROM, with the VALUE
   of that call. (__asm__ gives the name as it stands; macOS would put a _
   before it.) */
void *co_swap(void **from, void *to, void *value) __asm__("co_swap");

/* Prepare a new stack, SIZE bytes from LOW up (LOW + SIZE is a multiple of
   16): the first co_swap() to it calls enter(VALUE), which must not return.
   ENTER must be the same function in all calls. Returns the stack's end, the
   TO of co_swap(). */
void *co_frame(void *low, size_t size, void (*enter)(void *value));

#endif
