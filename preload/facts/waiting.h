/* SPDX-License-Identifier: MIT */
/*
 * Waits that the kernel does not restart: which EINTR is ours to swallow?
 *
 * poll, nanosleep, epoll_wait, ... return EINTR after any handler, also after
 * ours with SA_RESTART (hazards.md D4). The rule: an EINTR that the program
 * would have had without us is never swallowed; one that only our trigger
 * caused is never seen. The difficulty is a handler of the program's that runs
 * in the same interruption; `while (!flag) pause();` would then wait for ever.
 *
 * So our handler does not just count. All signals are blocked while it runs.
 * It looks whether it interrupted the very wait of a hook, and not a handler of
 * the program's (machine_interrupted_call), and whether such a handler has
 * come and gone since the wait began (machine_handler_entry counts them). Only
 * if neither is so does it make its own return leave all signals blocked: then
 * nothing of the program's can have run between the beginning of the wait and
 * the hook. The hook goes on with the wait with the old mask, atomically where
 * the call takes a mask, and whatever arrived meanwhile interrupts it as it
 * should.
 *
 * A transfer that blocks until all is through comes back with a part instead
 * when a handler runs. Hooks of those set `cut`: they are told of a result, too.
 */
#ifndef FACTS_WAITING_H
#define FACTS_WAITING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "preload/ground/hook.h"

/* What the kernel means by a mask: the beginning of a sigset_t. */
#define KERNEL_MASK_BYTES 8

struct waiting {
    uint64_t mark; /* tells a live one from what a longjmp left behind */
    uintptr_t frame;
    struct waiting *outer;    /* that of a handler's interrupted caller */
    volatile uint32_t held;   /* interruptions by our handler: it counts them */
    uint32_t seen;            /* those that the hook has dealt with */
    uint32_t program_signals; /* as they were when the wait began */
    volatile bool masked;     /* all signals are blocked; `mask` was in force */
    volatile bool cut;        /* a result, not only EINTR, is an interruption */
    int error;                /* errno when the wait began */
    sigset_t mask;
};

/* Every hook around such a wait begins with this, in its own body, and ends
 * with waiting_end. A thread that is cancelled in the wait does not come to
 * that: an unwinder's clean-up would bring libgcc_s into every program. What it
 * leaves behind is a mark that nobody finds (waiting_interrupted). */
#define WAITING(name)                                                                              \
    struct waiting name;                                                                           \
    SPILL_REGISTERS();                                                                             \
    waiting_begin(&name, GUARD_FRAME())

void waiting_begin(struct waiting *wait, uintptr_t frame);
/* Restores the mask. errno is kept. */
void waiting_end(struct waiting *wait);

/* After the wait: whether our own signal alone interrupted it, so that errno is
 * what it was before. All signals are blocked then, and the caller waits again
 * with `wait->mask` in force, by the system call `number`. Where a filter of
 * the program's forbids that (hazards.md D15) `wait->masked` is false, as after
 * waiting_resumes_unmasked, and the caller makes the program's own call again. */
bool waiting_resumes(struct waiting *wait, long number);
/* The same for calls that take no mask: the mask is restored before. False
 * also when a signal is about to be delivered by that. */
bool waiting_resumes_unmasked(struct waiting *wait);

/* From our handler, with its ucontext. */
void waiting_interrupted(void *ucontext);

/* Deadlines on CLOCK_MONOTONIC; DEADLINE_NEVER for none. */
#define DEADLINE_NEVER UINT64_MAX
uint64_t deadline_after_ms(int milliseconds);
uint64_t deadline_after(const struct timespec *timeout);
uint64_t deadline_from(uint64_t begun, const struct timespec *timeout);
/* What is left, never negative; NULL for never, as the calls take it. */
struct timespec *deadline_left(uint64_t deadline, struct timespec *ret_left);
int deadline_left_ms(uint64_t deadline);
/* Whether times of this clock are as long as those of ours. */
static inline bool clock_runs_steadily(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_TAI;
}

#endif
