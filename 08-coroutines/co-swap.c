/*
 * co_swap(&from->sp, to->sp, value): leave this stack, go on upon the other;
 * written by hand, for x86-64 and for aarch64.
 *
 * For the compiler this is a call like any other, so it expects that the call
 * may change any register but those which the ABI lets the caller keep. These
 * are all that we have to save: we push them on our stack, write down where
 * that ends, take the other one's, and pop what it has pushed when it left.
 * (A signal handler may write below a stack's end, so nothing of ours may be
 * there. The "red zone", 128 bytes below it that x86-64 leaves alone, belongs
 * to functions that call nobody; who calls co_swap has none in use.)
 *
 * At the end a ret would be right, and slow: the CPU predicts that a ret goes
 * to where the last call came from, on this stack. We go to where another
 * call came from, on another one, so it would be wrong each time. A jump by
 * register is predicted from what jumps there did before.
 *
 * The control words of floating point (rounding, exceptions) are the callee's
 * to keep, too. They cost 2 of 5 ns; with -DCO_SHARE_FP all coroutines share
 * one state, as after longjmp().
 *
 * The .cfi lines tell debuggers where the pushed registers lie. co_start is
 * the bottom of a new stack, as undefined return addresses say; its caller is
 * nobody.
 */
#include "co-swap.h"

#include <stdint.h>
#include <string.h>

#ifndef CO_UCONTEXT
void co_start(void) __asm__("co_start"); /* only an address */

#ifdef __APPLE__
#define HEAD(name) ".globl " name "\n.p2align 4\n" name ":\n"
#define TAIL(name) ""
#else
#define HEAD(name) ".globl " name "\n.hidden " name "\n.type " name \
                   ", %function\n.p2align 4\n" name ":\n"
#define TAIL(name) ".size " name ", . - " name "\n"
#endif

#ifdef CO_SHARE_FP
#define SAVE_FP(text) ""
#else
#define SAVE_FP(text) text
#endif

#ifdef __x86_64__
enum { FRAME = 8, FIRST_CALL = 5, GOES_ON = 7 }; /* words; rbx; where to */

#define PUSH(r) "push %" r "\n .cfi_adjust_cfa_offset 8\n" \
                ".cfi_rel_offset %" r ", 0\n"
#define POP(r)  "pop %" r "\n .cfi_adjust_cfa_offset -8\n" \
                ".cfi_restore %" r "\n"

__asm__(".text\n" HEAD("co_swap") /* rdi: &from->sp, rsi: to->sp, rdx: value */
    ".cfi_startproc\n"            /* (the call has pushed where to go on) */
    PUSH("rbp")                   /* a function has to keep these six for */
    PUSH("rbx")                   /*     its caller, and so have we */
    PUSH("r12")
    PUSH("r13")
    PUSH("r14")
    PUSH("r15")
    "sub $8, %rsp\n"              /* room for two control words: */
    ".cfi_adjust_cfa_offset 8\n"
    SAVE_FP("stmxcsr (%rsp)\n")   /* of SSE, 4 bytes, */
    SAVE_FP("fnstcw 4(%rsp)\n")   /* of the x87, 2 bytes */
    "mov %rsp, (%rdi)\n"          /* from->sp: here it will find them */
    "mov %rsi, %rsp\n"            /* the switch: we are on the other stack */
    SAVE_FP("ldmxcsr (%rsp)\n")   /* the same way back, */
    SAVE_FP("fldcw 4(%rsp)\n")
    "add $8, %rsp\n"
    ".cfi_adjust_cfa_offset -8\n"
    POP("r15")                    /* last pushed, first popped */
    POP("r14")
    POP("r13")
    POP("r12")
    POP("rbx")
    POP("rbp")
    "mov %rdx, %rax\n"            /* value: what the call returns there */
    "pop %rcx\n"                  /* where it goes on, */
    ".cfi_adjust_cfa_offset -8\n"
    ".cfi_register %rip, %rcx\n"
    "jmp *%rcx\n"                 /* and what ret would do, but predicted */
    ".cfi_endproc\n" TAIL("co_swap")

    HEAD("co_start")                /* the first time, it goes on here: */
    ".cfi_startproc\n"
    ".cfi_undefined %rip\n"         /* nobody has called us */
    "mov %rax, %rdi\n"              /* value, the argument of enter(), */
    "call *%rbx\n"                  /* which co_new() has put into rbx */
    "ud2\n"                         /* it never returns */
    ".cfi_endproc\n" TAIL("co_start"));
#else /* aarch64; there, sp is always a multiple of 16 */
enum { FRAME = 22, FIRST_CALL = 20, GOES_ON = 11 }; /* words; x3; x30 */

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define GO_ON "ret\n" /* the only jump to any place that BTI lets pass */
#else
#define GO_ON "br x30\n"
#endif
#ifdef __APPLE__
#define NOBODY ""
#else
#define NOBODY ".cfi_undefined x30\n"
#endif
__asm__(".text\n" HEAD("co_swap")   /* x0: &from->sp, x1: to->sp, x2: value */
    ".cfi_startproc\n"
    "sub sp, sp, #176\n"            /* 22 words: */
    ".cfi_def_cfa_offset 176\n"
    "stp x19, x20, [sp, #0]\n"      /* a function keeps these for its caller */
    "stp x21, x22, [sp, #16]\n"
    "stp x23, x24, [sp, #32]\n"
    "stp x25, x26, [sp, #48]\n"
    "stp x27, x28, [sp, #64]\n"
    "stp x29, x30, [sp, #80]\n"     /* frame pointer, where to go on */
    ".cfi_offset x19, -176\n .cfi_offset x20, -168\n"
    ".cfi_offset x21, -160\n .cfi_offset x22, -152\n"
    ".cfi_offset x23, -144\n .cfi_offset x24, -136\n"
    ".cfi_offset x25, -128\n .cfi_offset x26, -120\n"
    ".cfi_offset x27, -112\n .cfi_offset x28, -104\n"
    ".cfi_offset x29, -96\n .cfi_offset x30, -88\n"
    "stp d8, d9, [sp, #96]\n"       /* and of v8 to v15 the lower halves */
    "stp d10, d11, [sp, #112]\n"
    "stp d12, d13, [sp, #128]\n"
    "stp d14, d15, [sp, #144]\n"
    SAVE_FP("mrs x9, fpcr\n")      /* the control word of floating point */
    SAVE_FP("str x9, [sp, #168]\n")
    "mov x10, sp\n"
    "str x10, [x0]\n"               /* from->sp: here it will find them */
    "mov sp, x1\n"                  /* the switch: now we are on to's stack */
    SAVE_FP("ldr x10, [sp, #168]\n" /* the same way back; as to write it */
            "cmp x9, x10\n"         /*     takes long, only if it has */
            "b.eq 1f\n"             /*     to change */
            "msr fpcr, x10\n"
            "1:\n")
    "ldp x19, x20, [sp, #0]\n"
    "ldp x21, x22, [sp, #16]\n"
    "ldp x23, x24, [sp, #32]\n"
    "ldp x25, x26, [sp, #48]\n"
    "ldp x27, x28, [sp, #64]\n"
    "ldp x29, x30, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\n"
    "ldp d10, d11, [sp, #112]\n"
    "ldp d12, d13, [sp, #128]\n"
    "ldp d14, d15, [sp, #144]\n"
    "ldr x3, [sp, #160]\n"          /* for co_start: enter() */
    "add sp, sp, #176\n"
    ".cfi_def_cfa_offset 0\n"
    "mov x0, x2\n"                  /* value: what the call returns there */
    GO_ON                           /* as ret would, but predicted */
    ".cfi_endproc\n" TAIL("co_swap")

    HEAD("co_start")                /* the first time, it goes on here: */
    ".cfi_startproc\n" NOBODY       /* nobody has called us */
    "blr x3\n"                      /* enter(value), it never returns */
    "brk #1\n"
    ".cfi_endproc\n" TAIL("co_start"));
#endif

void *co_frame(void *top, void (*enter)(void *value))
{
    uintptr_t *frame = (uintptr_t *)top - FRAME;
    memset(frame, 0, FRAME * sizeof *frame);
    frame[FIRST_CALL] = (uintptr_t)enter;
    frame[GOES_ON] = (uintptr_t)co_start;
#ifdef __x86_64__
    __asm__("stmxcsr %0\n fnstcw %1" /* it starts with the words we have */
            : "=m"(*(uint32_t *)frame),
              "=m"(*(uint16_t *)((char *)frame + 4)));
#else
    __asm__("mrs %0, fpcr" : "=r"(frame[21]));
#endif
    return frame;
}
#endif
