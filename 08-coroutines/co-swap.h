/* co-swap: from one stack to another. For co.c alone; co.h is for all. */
#ifndef CO_SWAP_H
#define CO_SWAP_H

#if !defined __x86_64__ && !defined __aarch64__ && !defined CO_UCONTEXT
#define CO_UCONTEXT /* the C library's, in the place of ours */
#endif

/* Leave this stack: write down at FROM where it ends. Go on upon the one that
   ends at TO; there, VALUE is what co_swap() or, the first time, enter()
   gets. Returns when somebody comes back, with that one's VALUE. */
void *co_swap(void **from, void *to, void *value) __asm__("co_swap");

/* A new stack below TOP, a multiple of 16, as if it had called co_swap, to go
   on in enter(), which must not return. Returns where it ends. */
void *co_frame(void *top, void (*enter)(void *value));

#endif
