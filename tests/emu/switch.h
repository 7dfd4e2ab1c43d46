/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutines: emu_switch leaves the running one, whose stack pointer it stores, for another.
 * emu_stack_init makes the stack pointer of one that begins in entry. emu_signal_resume lets the
 * handler of a signal return to the beginning of entry on another stack.
 */
#ifndef TRO_EMU_SWITCH_H
#define TRO_EMU_SWITCH_H

#include <stdint.h>
#include <string.h>
#include <ucontext.h>

void emu_switch(void **from, void *to);

#if defined(__x86_64__)

__asm__(".text\n"
        ".p2align 4\n"
        ".globl emu_switch\n"
        ".hidden emu_switch\n"
        ".type emu_switch, @function\n"
        "emu_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size emu_switch, . - emu_switch\n");

static inline void *emu_stack_init(char *top, void (*entry)(void))
{
    uintptr_t *sp = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15);
    *--sp = 0;
    *--sp = (uintptr_t)entry;
    for (int i = 0; i < 6; i++)
        *--sp = 0;
    return sp;
}

static inline void emu_signal_resume(ucontext_t *context, char *top, void (*entry)(void))
{
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)entry;
    context->uc_mcontext.gregs[REG_RSP] = (greg_t)(((uintptr_t)top & ~(uintptr_t)15) - 8);
}

#elif defined(__aarch64__)

__asm__(".text\n"
        ".p2align 4\n"
        ".globl emu_switch\n"
        ".hidden emu_switch\n"
        ".type emu_switch, %function\n"
        "emu_switch:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size emu_switch, . - emu_switch\n");

static inline void *emu_stack_init(char *top, void (*entry)(void))
{
    char *const sp = (char *)((uintptr_t)top & ~(uintptr_t)15) - 160;
    memset(sp, 0, 160);
    memcpy(sp + 88, &entry, sizeof entry); /* x30 */
    return sp;
}

static inline void emu_signal_resume(ucontext_t *context, char *top, void (*entry)(void))
{
    context->uc_mcontext.pc = (uintptr_t)entry;
    context->uc_mcontext.sp = (uintptr_t)top & ~(uintptr_t)15;
}

#else
#error "tests/emu: expected x86-64 or aarch64"
#endif

#endif
