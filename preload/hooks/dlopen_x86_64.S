/* SPDX-License-Identifier: MIT */
/*
 * dlopen: a jump to libc's own, or to the hook, as dlopen_way (module.c) says. libc
 * takes the return address for the caller in whose name it searches (hazards.md A14):
 * by the jump it finds the program's. No frame of ours is left below it.
 */
#include <cet.h>

        .text
        .hidden dlopen_way
        .globl  dlopen
        .type   dlopen, @function
        .p2align 4
dlopen:
        .cfi_startproc
        _CET_ENDBR
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        movq    16(%rsp), %rsi                  /* the caller */
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    dlopen_way
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        jmp     *%rax
        .cfi_endproc
        .size   dlopen, .-dlopen

        .section .note.GNU-stack, "", @progbits
