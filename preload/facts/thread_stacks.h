/* SPDX-License-Identifier: MIT */
/*
 * Where the stacks of threads are, and where they have been.
 *
 * A thread enters its own, when it starts: the lowest address that it may use, and the end
 * of the block, which lies past its thread-local storage and libc's descriptor. libc keeps
 * the stacks of ended threads for the next ones, with all that was left in them, so they
 * stay here as dead ones. A stack that the program gave is the program's again afterwards,
 * and is forgotten. What lies where another stack was takes that one's place.
 *
 * Dead means: was libc's when its thread ended. libc may have given it back to the kernel
 * since, which nobody sees: a mapping that the ledger knows at that place is the truth.
 *
 * A bounded table, changed by the thread whose row it is and read without a lock: by a
 * task without thread-local storage, or in a frozen copy of the process.
 */
#ifndef FACTS_THREAD_STACKS_H
#define FACTS_THREAD_STACKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread_stack {
    uintptr_t low, high; /* low == high: not known */
    bool is_given;       /* by the program, in the thread's attributes */
};

/* In the creator: what the attributes say, which may be NULL. A stack that libc is about to
 * allocate has no place yet: high is 0, and low that many bytes below. */
struct thread_stack thread_stack_wanted(const pthread_attr_t *attributes);
/* In the thread: where it really is. */
struct thread_stack thread_stack_here(struct thread_stack wanted);

/* By the calling thread, of itself. When there is no room it is counted. */
void thread_stack_begins(struct thread_stack here);
void thread_stack_ends(void);

/* In a fork child: all others are dead. */
void thread_stacks_forked(void);

/* `tid` is 0 for a dead one. */
void thread_stacks_scan(void (*each)(uintptr_t low, uintptr_t high, uint32_t tid, void *arg),
                        void *arg);

#endif
