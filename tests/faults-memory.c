/*
 * faults-memory: malloc() and its relatives, which may fail. See faults.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "faults-rules.h"

enum { ARENA_SIZE = 65536 }; /* bytes, for dlsym() before malloc() is known */

/* Old versions of dlsym() call calloc(). Then malloc() is not known yet, and
   there is one thread; what it gets from here is never given back. */
static char arena[ARENA_SIZE];
static size_t arena_used;
static struct {
    void *(*malloc)(size_t), *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    bool resolving;
} memory;

static void resolve_memory(void)
{
    memory.resolving = true;
    *(void **)&memory.malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&memory.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&memory.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&memory.free = dlsym(RTLD_NEXT, "free");
    memory.resolving = false;
}

static bool in_arena(const void *p)
{
    return (uintptr_t)p - (uintptr_t)arena < sizeof arena;
}

static void *no_memory(int reason)
{
    errno = reason;
    return NULL;
}

void *malloc(size_t size)
{
    size_t place = arena_used;
    if (memory.resolving) {
        arena_used += (size + 15) / 16 * 16;
        return arena_used <= sizeof arena ? arena + place : no_memory(ENOMEM);
    }
    if (memory.malloc == NULL)
        resolve_memory();
    int fault = next_fault(MALLOC, -1, false);
    return fault > 0 ? no_memory(fault) : memory.malloc(size);
}

void *calloc(size_t n, size_t size)
{
    if (memory.resolving)
        return malloc(n * size); /* the arena is zero */
    if (memory.calloc == NULL)
        resolve_memory();
    int fault = next_fault(MALLOC, -1, false);
    return fault > 0 ? no_memory(fault) : memory.calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    if (in_arena(old)) {
        void *new = malloc(size);
        size_t rest = (size_t)(arena + sizeof arena - (char *)old);
        return new ? memcpy(new, old, size < rest ? size : rest) : NULL;
    }
    if (memory.realloc == NULL)
        resolve_memory();
    int fault = next_fault(MALLOC, -1, false);
    return fault > 0 ? no_memory(fault) : memory.realloc(old, size);
}

void free(void *p)
{
    if (p == NULL || in_arena(p))
        return;
    if (memory.free == NULL)
        resolve_memory();
    memory.free(p);
}
