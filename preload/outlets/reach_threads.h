/* SPDX-License-Identifier: MIT */
/*
 * Where the program's threads are at the moment at which its memory is copied: their
 * stack pointers and registers, which are roots.
 *
 * A thread that is blocked in a system call is read from /proc/self/task/TID/syscall: no
 * signal, since many calls would end by it, and a thread may wait for signals itself. The
 * file has no callee-saved registers; a hook around a call that blocks has those on the
 * stack (hooks/family.h). One that runs, or has run in an attempt before this one, is stopped: it
 * gets a signal of ours, keeps its registers where we find them, and goes on when the copy has been
 * made, or by itself after STOP_MOST_NS. A thread that blocks these signals is let run.
 *
 * Whether all of it was true at one moment is asked afterwards: a thread that was blocked
 * and has not run since was there in between.
 */
#ifndef OUTLETS_REACH_THREADS_H
#define OUTLETS_REACH_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_REGISTERS 18u /* as many as a signal's frame has */

enum thread_reading {
    THREAD_UNREAD = 0, /* runs, and cannot be stopped */
    THREAD_BLOCKED,    /* in a system call: arguments, stack pointer */
    THREAD_AWAITED,    /* a signal is on its way to it */
    THREAD_STOPPED,    /* everything */
};

struct reach_thread {
    uint32_t tid;
    _Atomic uint32_t reading; /* enum thread_reading */
    uintptr_t sp, pc;
    uint32_t register_count;
    uintptr_t registers[THREAD_REGISTERS];
    _Atomic bool is_late; /* asked to stop, and did not come in time, or went on too soon */
    uint64_t ran_ns;      /* by the scheduler's account, when it was read */
};

struct reach_threads {
    struct reach_thread *rows; /* all but the one that calls, and one that is known to wait */
    uint32_t count;
    uint32_t waits;      /* the latter's tid, or 0 */
    uint64_t stopped_ns; /* how long the first to be stopped stood still */
};

/* Before the first attempt. */
void threads_begin(void);
/* Finds and reads them all; those that run stand still until threads_go. False: they
 * cannot be listed. */
bool threads_take(struct reach_threads *ret_threads, uint32_t waits);
void threads_go(struct reach_threads *threads);
/* How many there are: some rows are of threads that were already ending. */
uint32_t threads_alive(const struct reach_threads *threads);
/* Whether those that were blocked are where they were, and have not run since, and there
 * is no other, and all came to a stop that were asked to. The next attempt may do better:
 * it stops those that ran. */
bool threads_stayed(const struct reach_threads *threads);

/* By the handler of our signals, on the thread that is asked to stop. */
void threads_stop_here(const void *ucontext);

#endif
