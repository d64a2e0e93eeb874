/*
 * co_swap(&from->sp, to->sp, value): leave this stack, go on upon the other;
 * by hand for x86-64 and aarch64, elsewhere (or with -DCO_UCONTEXT) by the C
 * library, which makes a system call each time.
 *
 * For the compiler this is a call like any other, so it expects that the call
 * may change any register but those which the ABI lets the caller keep. These
 * are all that we have to save: we push them on our stack, write down where
 * that ends, take the other one's, and pop what it has pushed when it left.
 *
 * At the end a ret would be right, and slow: the CPU predicts that a ret goes
 * to where the last call came from, on this stack. We go to where another
 * call came from, on another one, so it would be wrong each time. A jump by
 * register is predicted from where it went before.
 *
 * Left out on purpose: the ABI lets the caller keep the control words of
 * floating point, too (how to round, what traps). To save and load them takes
 * nearly as long as all the rest, and hardly anybody changes them; so all
 * coroutines share one state, as after longjmp(). -DCO_SAVE_FP keeps them.
 *
 * The .cfi lines tell debuggers where what we push lies, and that co_start,
 * the bottom of each stack, has no caller.
 * See: the System V ABI for x86-64, 3.2; AAPCS64, 6.1.
 */
#include "co-swap.h"

#include <stdint.h>
#include <string.h>

#if defined CO_UCONTEXT || (!defined __x86_64__ && !defined __aarch64__)
#include <ucontext.h>

static void (*begin)(void *value);
static void *passed; /* from one side of swapcontext() to the other */

static void start(void) /* makecontext() passes only ints */
{
    begin(passed);
}

void *co_swap(void **from, void *to, void *value)
{
    ucontext_t here;
    *from = &here;
    passed = value;
    swapcontext(&here, to);
    return passed;
}

void *co_frame(void *low, size_t size, void (*enter)(void *value))
{
    ucontext_t *context = low; /* it is needed until the stack gets there */
    getcontext(context);
    context->uc_stack.ss_sp = low;
    context->uc_stack.ss_size = size;
    begin = enter;
    makecontext(context, start, 0);
    return context;
}
#else

void co_start(void) __asm__("co_start");

#ifdef CO_SAVE_FP
#define FP(text) text
#else
#define FP(text) ""
#endif

#ifdef __x86_64__
enum { WORDS = 7, ENTER = 4, GO_ON = 6, CONTROL = 1, NOP = 1 }; /* as pushed */
#define DEFAULTS (0x37ful << 32 | 0x1f80) /* x87, SSE: nothing traps */

#define PUSH(r) "push %" r "\n .cfi_adjust_cfa_offset 8\n" \
                ".cfi_rel_offset %" r ", 0\n"
#define POP(r)  "pop %" r "\n .cfi_adjust_cfa_offset -8\n" \
                ".cfi_restore %" r "\n"

__asm__(".text\n .globl co_swap, co_start\n .p2align 4\n"
"co_swap:\n .cfi_startproc\n"    /* rdi: &from->sp, rsi: to->sp, rdx: value;
                                    the call has pushed where to go on */
    PUSH("rbp") PUSH("rbx")      /* a function has to keep these six for */
    PUSH("r12") PUSH("r13")      /*     its caller, and so have we; */
    PUSH("r14") PUSH("r15")
    FP("sub $8, %rsp\n .cfi_adjust_cfa_offset 8\n"
       "stmxcsr (%rsp)\n"        /* the control words, of SSE, */
       "fnstcw 4(%rsp)\n")       /*     and of the x87 */
    "mov %rsp, (%rdi)\n"         /* from->sp: here it will find them */
    "mov %rsi, %rsp\n"           /* the switch: we are on the other stack */
    FP("ldmxcsr (%rsp)\n"        /* and the same way back: */
       "fldcw 4(%rsp)\n"
       "add $8, %rsp\n .cfi_adjust_cfa_offset -8\n")
    POP("r15") POP("r14")        /*     last pushed, first popped */
    POP("r13") POP("r12")
    POP("rbx") POP("rbp")
    "mov %rdx, %rax\n"           /* value: what the call returns there */
    "pop %rcx\n .cfi_adjust_cfa_offset -8\n .cfi_register %rip, %rcx\n"
    "jmp *%rcx\n"                /* where it goes on: a ret, but predicted */
    ".cfi_endproc\n"
"co_start:\n .cfi_startproc\n .cfi_undefined %rip\n"
    "nop\n"                      /* debuggers look before a return address */
                                 /* the first time, it goes on here: */
    "mov %rax, %rdi\n"           /* value becomes the argument */
    "call *%rbx\n"               /* of enter(), which co_frame() put there */
    "ud2\n .cfi_endproc\n");     /* it never returns */

#else /* aarch64: as above; there, sp must be a multiple of 16 */
enum { WORDS = 20, ENTER = 0, GO_ON = 11, CONTROL = 2, NOP = 4 };
#define DEFAULTS 0

#define ALL(move) /* that a function has to keep for its caller */ \
    move " x19, x20, [sp, #0]\n"   move " x21, x22, [sp, #16]\n" \
    move " x23, x24, [sp, #32]\n"  move " x25, x26, [sp, #48]\n" \
    move " x27, x28, [sp, #64]\n"  move " x29, x30, [sp, #80]\n" \
    move " d8, d9, [sp, #96]\n"    move " d10, d11, [sp, #112]\n" \
    move " d12, d13, [sp, #128]\n" move " d14, d15, [sp, #144]\n"

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define JUMP "ret\n" /* the only jump that BTI lets go to any place */
#else
#define JUMP "br x30\n"
#endif

__asm__(".text\n .globl co_swap, co_start\n .p2align 4\n"
"co_swap:\n .cfi_startproc\n"    /* x0: &from->sp, x1: to->sp, x2: value;
                                    x30: where to go on, says the call */
    "sub sp, sp, #160\n .cfi_def_cfa_offset 160\n"
    ALL("stp") ".cfi_offset x29, -80\n .cfi_offset x30, -72\n"
    FP("mrs x9, fpcr\n"          /* the control word */
       "str x9, [sp, #-16]!\n .cfi_adjust_cfa_offset 16\n")
    "mov x9, sp\n str x9, [x0]\n" /* from->sp: here it will find them */
    "mov sp, x1\n"               /* the switch: we are on the other stack */
    FP("ldr x9, [sp], #16\n .cfi_adjust_cfa_offset -16\n"
       "msr fpcr, x9\n")         /* and the same way back */
    ALL("ldp") "add sp, sp, #160\n .cfi_def_cfa_offset 0\n"
    ".cfi_restore x29\n .cfi_restore x30\n"
    "mov x0, x2\n" JUMP          /* value; a ret, but predicted */
    ".cfi_endproc\n"
"co_start:\n .cfi_startproc\n .cfi_undefined x30\n"
    "nop\n"
    "blr x19\n"                  /* enter(value), it never returns */
    "brk #1\n .cfi_endproc\n");
#endif

void *co_frame(void *low, size_t size, void (*enter)(void *value))
{
    uintptr_t *frame = (uintptr_t *)((char *)low + size) - WORDS;
    memset(frame, 0, WORDS * sizeof *frame);
    frame[ENTER] = (uintptr_t)enter;
    frame[GO_ON] = (uintptr_t)co_start + NOP;
#ifdef CO_SAVE_FP
    frame -= CONTROL;
    frame[0] = DEFAULTS;
#endif
    return frame;
}
#endif
