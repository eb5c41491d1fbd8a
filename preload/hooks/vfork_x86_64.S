/* SPDX-License-Identifier: MIT */
/*
 * vfork: parent and child run on one stack and in one memory. A hook in C
 * cannot do it: the child returns from the hook's frame and writes over it,
 * and the parent then returns into garbage (hazards.md C5).
 *
 * So the return address is kept in a register, which the kernel gives back to
 * the parent as it was, and so is the old value of self.vforked: while the
 * child runs, the flag makes every hook on this thread stand aside. Once the
 * child has gone on to another program or ended, the parent puts the flag and
 * the return address back and enters the child as a holding, in C, on a stack
 * that is again its own.
 */
#include <cet.h>
#include <sys/syscall.h>

#define SELF_VFORKED 16 /* offsetof(struct thread_self, vforked): see process.c */

        .text
        .hidden self
        .hidden vfork_coming
        .hidden vfork_returned
        .globl  vfork
        .type   vfork, @function
        .globl  __vfork
        .type   __vfork, @function
        .p2align 4
vfork:
__vfork:
        .cfi_startproc
        _CET_ENDBR
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    vfork_coming
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rdi                            /* the return address */
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rdi
        movq    self@gottpoff(%rip), %rsi
        movl    %fs:SELF_VFORKED(%rsi), %r8d
        leal    1(%r8), %eax
        movl    %eax, %fs:SELF_VFORKED(%rsi)
        movl    $SYS_vfork, %eax
        syscall
        testq   %rax, %rax
        jz      .Lchild
        /* The parent, or nobody's: r8, rsi and rdi are what they were. */
        movl    %r8d, %fs:SELF_VFORKED(%rsi)
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rip, 0
        /* vfork_returned(result, pc, sp, fp); the stack is aligned again by one
         * more word. */
        movq    %rdi, %rsi
        movq    %rax, %rdi
        leaq    8(%rsp), %rdx
        movq    %rbp, %rcx
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    vfork_returned
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
.Lchild:
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rdi
        /* A jump, not a return: the return would take an entry from the shadow
         * stack, which the parent still needs. */
        xorl    %eax, %eax
        jmp     *%rdi
        .cfi_endproc
        .size   vfork, .-vfork
        .size   __vfork, .-__vfork

        .section .note.GNU-stack, "", @progbits
