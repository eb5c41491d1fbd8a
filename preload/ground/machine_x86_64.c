/* SPDX-License-Identifier: MIT */
/* x86-64: see machine.h. */
#include "preload/ground/machine.h"

#include <errno.h>
#include <string.h>
#include <stddef.h>
#include <ucontext.h>

#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

/* A signal frame is at least the red zone (128), return address, siginfo and
 * ucontext (440) and the legacy floating point state (512 + 64): 1148 bytes. */
#define SMALLEST_SIGNAL_FRAME 1144u

#define SIGNALS 65 /* numbers 1 to 64 */
_Atomic(void *) machine_handlers[SIGNALS];

/* Written into the code below. */
_Static_assert(offsetof(struct thread_self, program_signals) == 48, "in machine_handler_entry");

/* clone's fourth argument is the child's tid word (r10); the third and fifth
 * (parent's tid word, TLS) are not used. The entry and its argument wait on the
 * new stack. The task ends itself with exit(2), not exit_group(2). */
__asm__(".pushsection .text\n"
        ".globl machine_clone\n"
        ".hidden machine_clone\n"
        ".type machine_clone, @function\n"
        "machine_clone:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    andq $-16, %rsi\n"
        "    subq $16, %rsi\n"
        "    movq %rcx, (%rsi)\n"
        "    movq %r8, 8(%rsi)\n"
        "    movq %rdx, %r10\n"
        "    xorl %edx, %edx\n"
        "    xorl %r8d, %r8d\n"
        "    movl $56, %eax\n"
        "    syscall\n"
        "    testq %rax, %rax\n"
        "    jz 1f\n"
        "    ret\n"
        "1:\n"
        "    .cfi_undefined rip\n"
        "    xorl %ebp, %ebp\n"
        "    popq %rax\n"
        "    popq %rdi\n"
        "    call *%rax\n"
        "    xorl %edi, %edi\n"
        "    movl $60, %eax\n"
        "    syscall\n"
        "    hlt\n"
        "    .cfi_endproc\n"
        ".size machine_clone, . - machine_clone\n"

        ".globl machine_call_on\n"
        ".hidden machine_call_on\n"
        ".type machine_call_on, @function\n"
        "machine_call_on:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset rbp, -16\n"
        "    movq %rsp, %rbp\n"
        "    .cfi_def_cfa_register rbp\n"
        "    movq %rdi, %rsp\n"
        "    andq $-16, %rsp\n"
        "    movq %rdx, %rdi\n"
        "    call *%rsi\n"
        "    leave\n"
        "    .cfi_def_cfa rsp, 8\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size machine_call_on, . - machine_call_on\n"

        /* rax is 0 at a handler's entry, and stays so. */
        ".globl machine_handler_entry\n"
        ".hidden machine_handler_entry\n"
        ".hidden self\n"
        ".hidden machine_handlers\n"
        ".type machine_handler_entry, @function\n"
        "machine_handler_entry:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    movq self@gottpoff(%rip), %r11\n"
        "    incl %fs:48(%r11)\n"
        "    movl %edi, %r10d\n"
        "    leaq machine_handlers(%rip), %r11\n"
        "    jmp *(%r11,%r10,8)\n"
        "    .cfi_endproc\n"
        ".size machine_handler_entry, . - machine_handler_entry\n"

        /* Debuggers and unwinders know a signal frame by these very bytes. */
        ".globl machine_restorer\n"
        ".hidden machine_restorer\n"
        ".type machine_restorer, @function\n"
        "    nop\n"
        "machine_restorer:\n"
        "    movq $15, %rax\n"
        "    syscall\n"
        ".size machine_restorer, . - machine_restorer\n"
        ".popsection\n");

bool machine_interrupted_call(const void *ucontext, uintptr_t frame, long *ret_result)
{
    static const unsigned char instruction[2] = {0x0f, 0x05};
    const greg_t *registers = ((const ucontext_t *)ucontext)->uc_mcontext.gregs;
    uintptr_t sp = (uintptr_t)registers[REG_RSP];
    if (registers[REG_RAX] == 0 || sp >= frame || frame - sp >= SMALLEST_SIGNAL_FRAME)
        return false;
    unsigned char code[2];
    if (!sys_peek_own((const char *)registers[REG_RIP] - sizeof code, code, sizeof code) ||
        memcmp(code, instruction, sizeof code) != 0)
        return false;
    *ret_result = registers[REG_RAX];
    return true;
}

uint64_t machine_mask(const void *ucontext)
{
    uint64_t mask;
    memcpy(&mask, &((const ucontext_t *)ucontext)->uc_sigmask, sizeof mask);
    return mask;
}

void machine_set_mask(void *ucontext, uint64_t mask)
{
    memcpy(&((ucontext_t *)ucontext)->uc_sigmask, &mask, sizeof mask);
}

uintptr_t machine_pc(const void *ucontext)
{
    return (uintptr_t)((const ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RIP];
}

uintptr_t machine_sp(const void *ucontext)
{
    return (uintptr_t)((const ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RSP];
}

uintptr_t machine_fp(const void *ucontext)
{
    return (uintptr_t)((const ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RBP];
}

uint32_t machine_registers(const void *ucontext, uintptr_t *ret, uint32_t room)
{
    const greg_t *registers = ((const ucontext_t *)ucontext)->uc_mcontext.gregs;
    uint32_t count = 0;
    for (int i = REG_R8; i <= REG_RIP && count < room; i++)
        ret[count++] = (uintptr_t)registers[i];
    return count;
}

/* xor %ebp,%ebp; mov %rdx,%r9; pop %rsi; mov %rsp,%rdx; and $-16,%rsp; push %rax;
 * push %rsp: glibc's sysdeps/x86_64/start.S, with or without an endbr64 in front. */
bool machine_is_start(const unsigned char code[MACHINE_START_BYTES])
{
    static const unsigned char begin[] = {0x31, 0xed, 0x49, 0x89, 0xd1, 0x5e, 0x48, 0x89,
                                          0xe2, 0x48, 0x83, 0xe4, 0xf0, 0x50, 0x54};
    static const unsigned char landing[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (__builtin_memcmp(code, landing, sizeof landing) == 0)
        code += sizeof landing;
    return __builtin_memcmp(code, begin, sizeof begin) == 0;
}
