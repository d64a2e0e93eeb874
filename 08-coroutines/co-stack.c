/*
 * co-stack: where a coroutine's stack lies, and what happens when it is full.
 *
 * Look at co_stack_new(). mmap() gives a stack addresses only. The kernel
 * gives memory to a page of the stack when the page is first used. We never
 * unmap a stack, but use it again: to map another one takes longer than
 * everything else that starts a coroutine. So the number of stacks never
 * falls: it is the highest number of coroutines that there were at one time. A
 * stack that is not in use takes one page of memory.
 * See: mmap(2), madvise(2), sigaltstack(2).
 */
#include "co-stack.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_STACK
#define MAP_STACK 0 /* macOS */
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, top) 0
#endif
#if CO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

enum { SIGNAL_STACK_SIZE = 64 * 1024 }; /* bytes for the SIGSEGV handler */

static void (*report_fault)(const char *address);

char *co_stack_new(size_t size, size_t guard_size)
{
    char *guard = mmap(NULL, guard_size + size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (guard == MAP_FAILED)
        return NULL;
    if (mprotect(guard, guard_size, PROT_NONE) < 0) {
        munmap(guard, guard_size + size);
        return NULL;
    }
    char *low = guard + guard_size;
    (void)VALGRIND_STACK_REGISTER(low, low + size); /* it expects one stack */
#if CO_ASAN
    __lsan_register_root_region(low, size); /* memory that a variable on this
                                               stack points to is no leak */
#endif
    return low;
}

void co_stack_clear(const struct co_stack *stack)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    madvise(stack->low, stack->size - page, MADV_DONTNEED);
#if CO_ASAN
    __asan_unpoison_memory_region(stack->low, stack->size); /* forget the old
                                                               variables */
#endif
}

static void handle_fault(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    report_fault(info->si_addr);
    signal(signal_number, SIG_DFL); /* after the return the access raises the
                                       signal again, which ends the process */
}

/* The handler needs a stack of its own: on a full stack it has no room. */
void co_stack_on_fault(void (*report)(const char *address))
{
    static char signal_stack[SIGNAL_STACK_SIZE];
    stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack };
    struct sigaction old, action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    action.sa_sigaction = handle_fault;
    report_fault = report;
    sigaction(SIGSEGV, NULL, &old);
    if (old.sa_handler != SIG_DFL || sigaltstack(&stack, NULL) < 0)
        return;
    sigaction(SIGSEGV, &action, NULL);
#ifdef __APPLE__
    sigaction(SIGBUS, &action, NULL); /* macOS may raise this one instead */
#endif
}
