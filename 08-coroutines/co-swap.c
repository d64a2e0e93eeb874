/*
 * co_swap(&from->sp, to->sp, value): leave this stack, go on upon another one.
 *
 * It is assembly for x86-64 and aarch64. For other CPUs, or with
 * -DCO_UCONTEXT, the C library does it, with a system call for each switch.
 *
 * For the compiler, co_swap() is a call like any other. The ABI (the rules for
 * calls, for a kind of CPU) says which registers a function must keep for its
 * caller. The compiler expects that a call may change all the others. So we
 * save only those that must be kept: we push them on our stack and store the
 * stack pointer. Then we load the other stack's pointer and pop the registers
 * that its co_swap() has pushed.
 *
 * A ret at the end would be right, but slow. The CPU predicts where a ret
 * goes: back to the last call that it has seen. This one would go back to a
 * call on another stack, so the prediction would be wrong each time. So we
 * jump to the address in a register instead. The CPU predicts that such a jump
 * goes where it went before.
 *
 * One thing is left out on purpose. The ABI says that a function must also
 * keep the control words of floating point (rounding, exceptions). To save
 * and load them takes about as long as everything else here, and few programs
 * change them. So all coroutines share one setting. -DCO_SAVE_FP gives each
 * coroutine its own.
 *
 * A shadow stack (Intel's and AMD's CET, ARM's GCS) is a second stack with the
 * addresses to go on at only, which the CPU compares at each ret. co_swap()
 * does not switch it; so where the process has one, co_frame() says so and
 * calls abort(). The C library's switch knows of it. Indirect branch tracking,
 * CET's other half and ARM's BTI, expects a mark where a jump arrives.
 *
 * The .cfi lines make no instruction. They tell a debugger where the pushed
 * registers lie, and that co_start, the first function on each stack, has no
 * caller.
 * See: the System V ABI for x86-64, 3.2; AAPCS64, 6.1.
 */
#include "co-swap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined CO_UCONTEXT || (!defined __x86_64__ && !defined __aarch64__)
#include <ucontext.h>

static void (*first_function)(void *value);
static void *passed; /* the value: swapcontext() cannot pass one */

static void start(void)
{
    first_function(passed);
}

void *co_swap(void **from, void *to, void *value)
{
    ucontext_t here;
    *from = &here; /* its address serves as the stack pointer */
    passed = value;
    swapcontext(&here, to);
    return passed;
}

void *co_frame(void *low, size_t size, void (*enter)(void *value))
{
    ucontext_t *context = low; /* needed only for the first switch; so early
                                  the stack does not reach down to it */
    getcontext(context);
    context->uc_stack.ss_sp = low;
    context->uc_stack.ss_size = size;
    first_function = enter;
    makecontext(context, start, 0);
    return context;
}
#else
#include <stdio.h>
#include <stdlib.h>

void co_start(void) __asm__("co_start");

#ifdef CO_SAVE_FP
#define FP(text) text /* part of the assembly only with -DCO_SAVE_FP */
#else
#define FP(text) ""
#endif

#ifdef __x86_64__
enum { /* what co_swap leaves on the stack, in words of 8 bytes; word 0 is the
          last one that it pushes */
    WORDS = 7,         /* six registers, and the address to go on at */
    ENTER = 4,         /* rbx; co_start calls the function at this address */
    GO_ON = 6,         /* the address to go on at */
    CONTROL_WORDS = 1, /* more words with -DCO_SAVE_FP, below word 0 */
    NOP_SIZE = 1,      /* bytes of the nop in co_start */
};
#define CONTROL_DEFAULT (0x37ful << 32 | 0x1f80) /* x87, SSE: no exceptions */

#if defined __CET__ && (__CET__ & 1) /* -fcf-protection=branch */
#define MARK "endbr64\n"
#define JUMP "notrack jmp *%rcx\n" /* no mark where it arrives */
#else
#define MARK ""
#define JUMP "jmp *%rcx\n"
#endif

#define PUSH(r) "push %" r "\n .cfi_adjust_cfa_offset 8\n" \
                ".cfi_rel_offset %" r ", 0\n"
#define POP(r)  "pop %" r "\n .cfi_adjust_cfa_offset -8\n" \
                ".cfi_restore %" r "\n"

__asm__(".text\n .globl co_swap, co_start\n .p2align 4\n"
"co_swap:\n .cfi_startproc\n" MARK /* rdi: &from->sp, rsi: to->sp, rdx: value;
                                    the call has pushed the address to go on
                                    at */
    PUSH("rbp") PUSH("rbx")      /* the ABI: a function must keep these */
    PUSH("r12") PUSH("r13")      /*     six for its caller */
    PUSH("r14") PUSH("r15")
    FP("sub $8, %rsp\n .cfi_adjust_cfa_offset 8\n"
       "stmxcsr (%rsp)\n"        /* the control words of SSE */
       "fnstcw 4(%rsp)\n")       /*     and of the x87 */
    "mov %rsp, (%rdi)\n"         /* from->sp: the next switch to it reads it */
    "mov %rsi, %rsp\n"           /* the switch: now on the other stack */
    FP("ldmxcsr (%rsp)\n"        /* the same in reverse: */
       "fldcw 4(%rsp)\n"
       "add $8, %rsp\n .cfi_adjust_cfa_offset -8\n")
    POP("r15") POP("r14")        /*     last pushed, first popped */
    POP("r13") POP("r12")
    POP("rbx") POP("rbp")
    "mov %rdx, %rax\n"           /* value: what the call returns there */
    "pop %rcx\n .cfi_adjust_cfa_offset -8\n .cfi_register %rip, %rcx\n"
    JUMP                         /* like a ret, but well predicted */
    ".cfi_endproc\n"
"co_start:\n .cfi_startproc\n .cfi_undefined %rip\n"
    "nop\n"                      /* it never runs. Who is the caller? For a
                                    debugger it is the function that has the
                                    address to go on at, minus 1 */
    "mov %rax, %rdi\n"           /* the first switch to a stack comes here;
                                    value becomes the argument of enter() */
    "call *%rbx\n"               /* co_frame() put enter's address in rbx */
    "ud2\n .cfi_endproc\n");     /* an invalid instruction: enter() never
                                    returns */

#else /* aarch64: the same; sp must be a multiple of 16 */
enum {
    WORDS = 20,
    ENTER = 0,         /* x19 */
    GO_ON = 11,        /* x30 */
    CONTROL_WORDS = 2, /* one, and one unused: 2 x 8 is a multiple of 16 */
    NOP_SIZE = 4,
};
#define CONTROL_DEFAULT 0

#define ALL(move) /* registers that a function must keep for its caller */ \
    move " x19, x20, [sp, #0]\n"   move " x21, x22, [sp, #16]\n" \
    move " x23, x24, [sp, #32]\n"  move " x25, x26, [sp, #48]\n" \
    move " x27, x28, [sp, #64]\n"  move " x29, x30, [sp, #80]\n" \
    move " d8, d9, [sp, #96]\n"    move " d10, d11, [sp, #112]\n" \
    move " d12, d13, [sp, #128]\n" move " d14, d15, [sp, #144]\n"

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define MARK "hint #34\n" /* bti c */
#define JUMP "ret\n" /* BTI lets only a ret go to any address */
#else
#define MARK ""
#define JUMP "br x30\n"
#endif

__asm__(".text\n .globl co_swap, co_start\n .p2align 4\n"
"co_swap:\n .cfi_startproc\n" MARK /* x0: &from->sp, x1: to->sp, x2: value;
                                    the call has put the address to go on at
                                    into x30 */
    "sub sp, sp, #160\n .cfi_def_cfa_offset 160\n"
    ALL("stp") ".cfi_offset x29, -80\n .cfi_offset x30, -72\n"
    FP("mrs x9, fpcr\n"          /* the control word */
       "str x9, [sp, #-16]!\n .cfi_adjust_cfa_offset 16\n")
    "mov x9, sp\n str x9, [x0]\n" /* from->sp: the next switch reads it */
    "mov sp, x1\n"               /* the switch: now on the other stack */
    FP("ldr x9, [sp], #16\n .cfi_adjust_cfa_offset -16\n"
       "msr fpcr, x9\n")         /* the same in reverse */
    ALL("ldp") "add sp, sp, #160\n .cfi_def_cfa_offset 0\n"
    ".cfi_restore x29\n .cfi_restore x30\n"
    "mov x0, x2\n" JUMP          /* value; the jump is like a ret, but well
                                    predicted */
    ".cfi_endproc\n"
"co_start:\n .cfi_startproc\n .cfi_undefined x30\n"
    "nop\n"                      /* for a debugger, as above */
    "blr x19\n"                  /* enter(value), which never returns */
    "brk #1\n .cfi_endproc\n");
#endif

/* Does this process have a shadow stack? Older CPUs take both instructions for
   a nop, which leaves the register as it is. */
static bool has_shadow_stack(void)
{
#ifdef __x86_64__
    uint64_t top = 0;
    __asm__ volatile("rdsspq %0" : "+r"(top));
    return top != 0;
#else
    register uint64_t x16 __asm__("x16") = 1; /* ask for bit 0, GCS */
    __asm__ volatile("hint #40" : "+r"(x16)); /* chkfeat: 0 where it is on */
    return x16 == 0;
#endif
}

void *co_frame(void *low, size_t size, void (*enter)(void *value))
{
    if (has_shadow_stack()) {
        fprintf(stderr, "co: this process has a shadow stack, which co_swap() "
                "cannot switch: compile with -fcf-protection=none, or with "
                "-DCO_UCONTEXT\n");
        abort();
    }
    uintptr_t *frame = (uintptr_t *)((char *)low + size) - WORDS;
    memset(frame, 0, WORDS * sizeof *frame);
    frame[ENTER] = (uintptr_t)enter;
    frame[GO_ON] = (uintptr_t)co_start + NOP_SIZE;
#ifdef CO_SAVE_FP
    frame -= CONTROL_WORDS;
    frame[0] = CONTROL_DEFAULT;
#endif
    return frame;
}
#endif
