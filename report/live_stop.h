/* SPDX-License-Identifier: MIT */
/*
 * One thread of another program, stopped by ptrace for as long as it takes to copy its
 * registers and its stack (some 40 us), and let go: unwinding is done on the copy, while it
 * runs. One at a time, so that the others run meanwhile.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT alone: PTRACE_ATTACH sends a SIGSTOP that the program and
 * its parent can see. If we are killed, the kernel lets the thread go on.
 */
#ifndef REPORT_LIVE_STOP_H
#define REPORT_LIVE_STOP_H

#include <sys/user.h>

#include "live_memory.h"

enum { LIVE_COPIES = 2, LIVE_STRAGGLERS_MAX = 16 };

/* Registers and stack of a thread at one moment. */
struct live_picture {
    struct user_regs_struct registers;
    bool partial; /* of the registers sp and pc alone are known */
    struct live_copy {
        uint64_t start;
        size_t bytes, room;
        unsigned char *data;
    } copies[LIVE_COPIES]; /* the stack that it runs on, and another one that it came from */
};

struct live_stopper {
    uint64_t budget_ns; /* for all stops together: when it is spent, none begins */
    pid_t stragglers[LIVE_STRAGGLERS_MAX]; /* told to stop, and have not yet */
    size_t straggler_count;
    uint64_t count, longest_ns, total_ns; /* of the stops */
};

enum live_stop_end {
    LIVE_STOPPED,
    LIVE_STOP_ENDED,   /* there is no such thread any more */
    LIVE_STOP_REFUSED, /* ptrace is not allowed */
    LIVE_STOP_LATE,    /* it did not stop in time; no harm is done */
    LIVE_STOP_OVER,    /* the time for all stops is over */
};

/* Only from a thread that then ends, soon: what is left of stragglers ends with it. SIGCHLD
 * has to be blocked and not ignored. `other_stack` is an address that it needs, too, or 0. */
enum live_stop_end live_stop(struct live_stopper *stopper, const struct live_memory *memory,
                             pid_t tid, uint64_t other_stack, struct live_picture *ret);

/* Copies the stack above `sp`: of a thread that stands still by itself. */
void live_copy_take(const struct live_memory *memory, uint64_t address, struct live_copy *ret);
void live_picture_prepare(struct live_picture *picture);
void live_picture_free(struct live_picture *picture);

uint64_t live_clock_ns(void);

#endif
