/*
 * co-stack: stacks, and what tools have to know of them.
 * For co.c alone; co.h is for all.
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

struct co_stack { /* a struct co begins with it */
    void *sp;     /* where the stack ends, while another one is in use */
    char *low;    /* its lowest byte */
    size_t size;  /* bytes */
};

/* A new stack, of CO_STACK_SIZE bytes: its lowest byte. Below it there is a
   guard: who touches it ends the program, with a message that names who.
   NULL: no memory, or no more mappings (errno ENOMEM). It is there for ever:
   to be used again, not to be freed. */
char *co_stack_new(void);

/* Give its memory back to the system, but for the page on top; there, the
   caller may stand. */
void co_stack_clear(char *low);

/* Leave this stack, FROM, for another one, TO; there, VALUE is what this or,
   the first time, enter() gets. Returns when somebody comes back, with that
   one's VALUE; nobody may, if it is for ever. (AddressSanitizer asks where we
   go, and has a place of its own for what we leave.) */
static inline void *co_stack_go(struct co_stack *from, struct co_stack *to,
                                void *value, bool for_ever)
{
#if CO_ASAN
    void *left = NULL;
    __sanitizer_start_switch_fiber(for_ever ? NULL : &left, to->low, to->size);
    value = co_swap(&from->sp, to->sp, value);
    __sanitizer_finish_switch_fiber(left, NULL, NULL);
    return value;
#else
    (void)for_ever;
    return co_swap(&from->sp, to->sp, value);
#endif
}

/* To be called first on a new stack. FIRST is the one that the program began
   on: nobody but AddressSanitizer knows where that is. */
static inline void co_stack_begin(struct co_stack *first)
{
#if CO_ASAN
    const void *low;
    size_t size;
    __sanitizer_finish_switch_fiber(NULL, &low, &size);
    if (first->size == 0) /* then it is from there that we come */
        *first = (struct co_stack){ first->sp, (char *)low, size };
#else
    (void)first;
#endif
}

#endif
