/* SPDX-License-Identifier: MIT */
/*
 * The doors out of a program: exit and its kin, and exec. Each notes the frame that it was
 * called from (facts/departure.h), with the registers that a callee keeps for its caller,
 * before any compiled code of ours uses them, and jumps on to the hook with registers and
 * stack as they were: no frame of the stub's is left.
 *
 * exit jumps to libc's own: what the program's exit functions find above them is what
 * they would find without us.
 */
#include <cet.h>

#define HOOK_REAL 8 /* offsetof(struct hook, real): see exit.c */

        .macro  keep word
        pushq   \word
        .cfi_adjust_cfa_offset 8
        .endm

        .macro  back register
        popq    \register
        .cfi_adjust_cfa_offset -8
        .endm

        /* An exec with a list of arguments is variadic: al counts, too. */
        .macro  departs function, onwards
        .hidden \onwards
        .globl  \function
        .type   \function, @function
        .p2align 4
\function:
        .cfi_startproc
        _CET_ENDBR
        keep    %rax
        keep    %rdi
        keep    %rsi
        keep    %rdx
        keep    %rcx
        keep    %r8
        keep    %r9
        /* struct departure, its end first */
        keep    %r15
        keep    %r14
        keep    %r13
        keep    %r12
        keep    %rbp
        keep    %rbx
        leaq    112(%rsp), %rax                 /* 13 words and the return address */
        keep    %rax
        keep    $0
        movq    %rsp, %rdi
        call    departing
        addq    $64, %rsp
        .cfi_adjust_cfa_offset -64
        back    %r9
        back    %r8
        back    %rcx
        back    %rdx
        back    %rsi
        back    %rdi
        back    %rax
        jmp     \onwards
        .cfi_endproc
        .size   \function, .-\function
        .endm

        .text
        .hidden departing
        .hidden hook_exit

        departs exit, exit_onwards
        departs _exit, departing__exit
        departs _Exit, departing__Exit
        departs quick_exit, departing_quick_exit
        departs execve, departing_execve
        departs execv, departing_execv
        departs execvpe, departing_execvpe
        departs execvp, departing_execvp
        departs fexecve, departing_fexecve
        departs execveat, departing_execveat
        departs execl, departing_execl
        departs execle, departing_execle
        departs execlp, departing_execlp

        .hidden exit_looked_for
        .type   exit_onwards, @function
        .p2align 4
exit_onwards:
        .cfi_startproc
        movq    hook_exit+HOOK_REAL(%rip), %r11
        testq   %r11, %r11
        jz      exit_looked_for
        jmp     *%r11
        .cfi_endproc
        .size   exit_onwards, .-exit_onwards

        .section .note.GNU-stack, "", @progbits
