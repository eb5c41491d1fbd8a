/* SPDX-License-Identifier: MIT */
/*
 * syscall: a jump to libc's own, so that a call that returns on another stack
 * (clone, vfork) finds its caller's frame and none of ours. Only close and
 * seccomp go through C (syscall.c).
 */
#include <cet.h>
#include <sys/syscall.h>

#define HOOK_REAL 8 /* offsetof(struct hook, real): see hook.h */

        .text
        .hidden hook_syscall
        .hidden syscall_looked_at
        .globl  syscall
        .type   syscall, @function
        .p2align 4
syscall:
        .cfi_startproc
        _CET_ENDBR
        cmpq    $SYS_close, %rdi
        je      syscall_looked_at
        cmpq    $SYS_seccomp, %rdi
        je      syscall_looked_at
        movq    hook_syscall+HOOK_REAL(%rip), %r11
        testq   %r11, %r11
        jz      syscall_looked_at
        jmp     *%r11
        .cfi_endproc
        .size   syscall, .-syscall

        .section .note.GNU-stack, "", @progbits
