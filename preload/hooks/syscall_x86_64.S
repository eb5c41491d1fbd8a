/* SPDX-License-Identifier: MIT */
/*
 * syscall: a jump to libc's own, so that a call that returns on another stack
 * (clone, vfork) finds its caller's frame and none of ours. Only what has a row
 * in raw_rows goes through C (syscall.c).
 */
#include <cet.h>

#include "preload/hooks/raw_numbers.h"

#define HOOK_REAL 8 /* offsetof(struct hook, real): see hook.h */

        .text
        .hidden hook_syscall
        .hidden raw_rows
        .hidden syscall_looked_at
        .globl  syscall
        .type   syscall, @function
        .p2align 4
syscall:
        .cfi_startproc
        _CET_ENDBR
        cmpq    $RAW_NUMBERS, %rdi
        jae     1f
        leaq    raw_rows(%rip), %r11
        cmpb    $0, (%r11,%rdi)
        jne     syscall_looked_at
1:      movq    hook_syscall+HOOK_REAL(%rip), %r11
        testq   %r11, %r11
        jz      syscall_looked_at
        jmp     *%r11
        .cfi_endproc
        .size   syscall, .-syscall

        .section .note.GNU-stack, "", @progbits
