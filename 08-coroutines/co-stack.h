/*
 * co-stack: the memory of stacks, and what AddressSanitizer (a compiler's
 * -fsanitize=address) must know about it. Only co.c uses it; programs include
 * co.h.
 * Source: mmap(2), madvise(2), sigaltstack(2).
 */
#ifndef CO_STACK_H
#define CO_STACK_H

#include "co-swap.h"

#include <stdbool.h>
#include <stddef.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
#define CO_ASAN 1
#include <sanitizer/common_interface_defs.h>
#else
#define CO_ASAN 0
#endif

struct co_stack {
    void *sp;    /* its stack pointer, while another stack is in use */
    char *low;   /* its lowest byte */
    size_t size; /* bytes */
};

/* Map a stack of SIZE bytes, and below it a guard of GUARD_SIZE bytes: an
   access to the guard raises SIGSEGV. Both sizes are multiples of the page
   size. Returns the stack's lowest byte, or NULL with errno ENOMEM: no memory,
   or too many mappings. There is no call that unmaps a stack; use it again. */
char *co_stack_new(size_t size, size_t guard_size);

/* Give STACK's memory back to the kernel, except for its top page; the caller
   may run on that page. */
void co_stack_clear(const struct co_stack *stack);

/* Call REPORT(ADDRESS) when an access to ADDRESS has raised SIGSEGV; then the
   signal ends the program. REPORT runs in a signal handler, on a stack of its
   own: it may only make async-signal-safe calls (signal-safety(7)). Does
   nothing if the program, or a sanitizer, handles SIGSEGV itself. */
void co_stack_on_fault(void (*report)(const char *address));

/* Switch from the stack FROM to the stack TO; see co_swap(). FOR_EVER: no
   coroutine will come back to FROM. (AddressSanitizer must know the stack that
   we go to. It keeps data for the stack that we leave, its "fake stack"; if we
   leave for ever, it frees them.) */
static inline void *co_stack_switch(struct co_stack *from, struct co_stack *to,
                                    void *value, bool for_ever)
{
#if CO_ASAN
    void *fake_stack = NULL;
    __sanitizer_start_switch_fiber(for_ever ? NULL : &fake_stack, to->low,
                                   to->size);
    value = co_swap(&from->sp, to->sp, value);
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
    return value;
#else
    (void)for_ever;
    return co_swap(&from->sp, to->sp, value);
#endif
}

/* Call this first on each new stack. MAIN_STACK is the one that the program
   began with. Only AddressSanitizer knows where that is; it tells us here. */
static inline void co_stack_begin(struct co_stack *main_stack)
{
#if CO_ASAN
    const void *low;
    size_t size;
    __sanitizer_finish_switch_fiber(NULL, &low, &size);
    if (main_stack->size == 0) /* the first time: we come from there */
        *main_stack = (struct co_stack){ main_stack->sp, (char *)low, size };
#else
    (void)main_stack;
#endif
}

#endif
