/* SPDX-License-Identifier: MIT */
/*
 * What the reporter and the signal handlers need to know of the machine: how
 * to start a task on a stack of ours, how a handler returns, and what a signal
 * interrupted. One implementation for each machine, machine_*.c. All of it is
 * async-signal-safe and touches no thread-local storage.
 */
#ifndef GROUND_MACHINE_H
#define GROUND_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Raw clone(2) onto `stack_top`: the new task calls entry(argument) and is
 * gone when that returns. `child_tid` as CLONE_CHILD_CLEARTID takes it, or
 * NULL. The new task's id, or -errno. */
long machine_clone(unsigned long flags, void *stack_top, uint32_t *child_tid,
                   void (*entry)(void *argument), void *argument);

/* Calls entry(argument) on another stack, on this very thread. */
void machine_call_on(void *stack_top, void (*entry)(void *argument), void *argument);

/* Where a signal handler returns to; the restorer of rt_sigaction. */
void machine_restorer(void);

/*
 * Whether a handler's ucontext shows a system call that is about to return to a
 * function called by the one whose frame is `frame`, with nothing of the
 * program's in between; and what it returns. The proof: the code right before
 * the pc is the system call instruction, its result is not 0 (which the kernel
 * leaves there at a handler's first instruction), and between the stack pointer
 * and `frame` there is less room than the smallest signal frame takes, so that
 * no handler of the program can be at work there.
 */
bool machine_interrupted_call(const void *ucontext, uintptr_t frame, long *ret_result);

/*
 * Where the kernel enters a handler of the program's: counts it in
 * self.program_signals and jumps on to machine_handlers[number], with registers
 * and stack as they were. So the handler's frames look as without us.
 */
void machine_handler_entry(int number);
extern _Atomic(void *) machine_handlers[];

/* The signals that will be blocked when the handler has returned. */
uint64_t machine_mask(const void *ucontext);
void machine_set_mask(void *ucontext, uint64_t mask);
uintptr_t machine_pc(const void *ucontext);
uintptr_t machine_sp(const void *ucontext);
uintptr_t machine_fp(const void *ucontext);
/* All that may hold a pointer. How many; never more than 18. */
uint32_t machine_registers(const void *ucontext, uintptr_t *ret, uint32_t room);

/* Whether these bytes of a program's entry are those of a libc's own _start. */
#define MACHINE_START_BYTES 24
bool machine_is_start(const unsigned char code[MACHINE_START_BYTES]);

#endif
