/*
 * co-stack: where a coroutine's stack is, and what happens below its end.
 *
 * A stack is memory that nobody has touched yet, so it costs addresses; each
 * page of it begins to cost memory when it is first used. It is never unmapped
 * but used again, as to map another one takes longer than all else that begins
 * a coroutine. So there are as many as coroutines have been at once, and one
 * that is not in use costs a page.
 * See: mmap(2), madvise(2), sigaltstack(2).
 */
#include "co-stack.h"
#include "co.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
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

/* What a signal handler may do, unlike printf(). */
static void tell(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(1);
}

/* SIGSEGV: did the coroutine touch its guard? We stand on a stack apart, as
   there is no room left on its own. */
static void overflowed(int signal_number, siginfo_t *info, void *context)
{
    const struct co_stack *stack = (const void *)co_self();
    uintptr_t at = (uintptr_t)info->si_addr, low = (uintptr_t)stack->low;
    (void)context;
    if (at < low && low - at <= CO_GUARD_SIZE) {
        tell("co: ");
        tell(co_name(co_self()));
        tell(" needs more stack than CO_STACK_SIZE: too deep a recursion, "
             "too large a variable?\n");
    }
    signal(signal_number, SIG_DFL); /* it happens again, and ends us */
}

/* A program (or sanitizer) that handles SIGSEGV itself, goes on to do so. */
static void watch_for_overflow(void)
{
    static char apart[64 * 1024];
    stack_t stack = { .ss_sp = apart, .ss_size = sizeof apart };
    struct sigaction old, action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    action.sa_sigaction = overflowed;
    sigaction(SIGSEGV, NULL, &old);
    if (old.sa_handler != SIG_DFL || sigaltstack(&stack, NULL) < 0)
        return;
    sigaction(SIGSEGV, &action, NULL);
#ifdef __APPLE__
    sigaction(SIGBUS, &action, NULL);
#endif
}

char *co_stack_new(void)
{
    static bool watched;
    size_t size = CO_GUARD_SIZE + CO_STACK_SIZE;
    char *guard = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
                       MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (guard == MAP_FAILED)
        return NULL;
    if (mprotect(guard, CO_GUARD_SIZE, PROT_NONE) < 0) {
        munmap(guard, size);
        return NULL;
    }
    if (!watched)
        watch_for_overflow();
    watched = true;
    char *low = guard + CO_GUARD_SIZE;
    (void)VALGRIND_STACK_REGISTER(low, low + CO_STACK_SIZE);
#if CO_ASAN
    __lsan_register_root_region(low, CO_STACK_SIZE); /* it is no leak */
#endif
    return low;
}

void co_stack_clear(char *low)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    madvise(low, CO_STACK_SIZE - page, MADV_DONTNEED);
#if CO_ASAN
    __asan_unpoison_memory_region(low, CO_STACK_SIZE); /* for new frames */
#endif
}
