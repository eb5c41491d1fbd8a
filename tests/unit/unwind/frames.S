/* SPDX-License-Identifier: MIT */
/*
 * Frames as no compiler makes them, for test_walk.c: each calls what rdi points
 * to, or stops at an int3. The first ones have rules that are right, the others
 * have none, or wrong ones.
 */
#define DW_CFA_def_cfa_expression 0x0f
#define DW_OP_breg6               0x76
#define DW_OP_breg7               0x77
#define DW_OP_deref               0x06
#define DW_OP_plus_uconst         0x23

        .macro  begin name
        .globl  \name
        .hidden \name
        .type   \name, @function
        .p2align 6
\name:
        .cfi_startproc
        .endm

        .macro  finish name
        .cfi_endproc
        .size   \name, . - \name
        .skip   512, 0xcc /* no two within what a test takes for one */
        .endm

        .text

/* OpenSSL keeps the caller's stack pointer in an aligned frame. */
        begin   frame_loaded
        mov     %rsp, %rax
        sub     $64, %rsp
        and     $-64, %rsp
        mov     %rax, 24(%rsp)
        .cfi_escape DW_CFA_def_cfa_expression, 5, DW_OP_breg7, 24, DW_OP_deref, DW_OP_plus_uconst, 8
        call    *%rdi
        mov     24(%rsp), %rsp
        .cfi_def_cfa %rsp, 8
        ret
        finish  frame_loaded

        begin   frame_loaded_by_fp
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_offset %rbp, -16
        lea     -128(%rsp), %rax
        mov     %rsp, 56(%rax)
        mov     %rax, %rsp
        mov     %rax, %rbp
        .cfi_escape DW_CFA_def_cfa_expression, 5, DW_OP_breg6, 56, DW_OP_deref, DW_OP_plus_uconst, 16
        call    *%rdi
        mov     56(%rbp), %rsp
        .cfi_def_cfa %rsp, 16
        pop     %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        finish  frame_loaded_by_fp

/* gcc's prologue of a realigned frame, in the middle. */
        begin   frame_by_register
        lea     8(%rsp), %r10
        .cfi_def_cfa %r10, 0
        and     $-32, %rsp
        sub     $64, %rsp
        int3
        lea     -8(%r10), %rsp
        .cfi_def_cfa %rsp, 8
        ret
        finish  frame_by_register

/* LLVM gives a leaf no more than it needs. */
        begin   frame_part_of_word
        sub     $4, %rsp
        .cfi_adjust_cfa_offset 4
        int3
        add     $4, %rsp
        .cfi_adjust_cfa_offset -4
        ret
        finish  frame_part_of_word

/* Has just taken rbp from the stack that rsi points to: it lies below rsp now. */
        begin   frame_red_zone
        mov     %rsp, %rax
        mov     (%rsp), %rdx
        mov     %rdx, (%rsi)
        mov     %rbp, -8(%rsi)
        mov     %rsi, %rsp
        .cfi_offset %rbp, -16
        int3
        mov     %rax, %rsp
        ret
        finish  frame_red_zone

/* After a call nobody knows what r10 was. */
        begin   frame_register_at_call
        lea     8(%rsp), %r10
        .cfi_def_cfa %r10, 0
        sub     $8, %rsp
        call    *%rdi
        add     $8, %rsp
        ret
        finish  frame_register_at_call

        .globl  frame_without_rules
        .hidden frame_without_rules
        .type   frame_without_rules, @function
frame_without_rules:
        sub     $8, %rsp
        call    *%rdi
        add     $8, %rsp
        ret
        .size   frame_without_rules, . - frame_without_rules
        .skip   512, 0xcc

        .macro  wrong name
        sub     $8, %rsp
        call    *%rdi
        add     $8, %rsp
        ret
        finish  \name
        .endm

/* CFA beyond every stack, by an offset as large as a recipe can hold. */
        begin   frame_far
        .cfi_def_cfa %rsp, 0xfffff8
        wrong   frame_far

        begin   frame_beyond
        .cfi_def_cfa %rbp, 0xfffff0
        wrong   frame_beyond

/* The word is there, and points to where nothing is. */
        begin   frame_load_nowhere
        .cfi_escape DW_CFA_def_cfa_expression, 5, DW_OP_breg7, 0, DW_OP_deref, DW_OP_plus_uconst, 8
        sub     $8, %rsp
        movq    $64, (%rsp)
        call    *%rdi
        add     $8, %rsp
        ret
        finish  frame_load_nowhere

        begin   frame_backwards
        .cfi_def_cfa %rsp, -64
        wrong   frame_backwards

/* Never run: a frame of one page, for stacks made by hand. */
        begin   frame_page
        .cfi_def_cfa %rsp, 4096
        nop
        nop
        finish  frame_page

        .section .note.GNU-stack, "", @progbits
