/* SPDX-License-Identifier: MIT */
/*
 * The system calls in which threads wait: what they are called, and whether a thread that is
 * stopped in one, and let go, goes on with it as if nothing had been.
 *
 * Measured on Linux 6.18 by PTRACE_INTERRUPT: the kernel itself goes on with most, for the
 * time that is left. epoll_wait, sigtimedwait, semop and receiving from a socket with a time
 * limit come back with EINTR. That could be mended while the thread stands, but not if we are
 * killed just then: nobody is stopped in them. A write that was half done comes back with the
 * half: the same.
 */
#ifndef REPORT_LIVE_CALLS_H
#define REPORT_LIVE_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LIVE_CALL_ARGUMENTS = 6 };
#define LIVE_CALL_NONE    (-1) /* it waits, but in no call (a page fault, a stop) */
#define LIVE_CALL_RUNNING (-2)
#define LIVE_CALL_UNKNOWN (-3) /* the kernel does not say */

/* /proc/PID/task/TID/syscall. */
struct live_call {
    long number;
    uint64_t arguments[LIVE_CALL_ARGUMENTS];
    uint64_t sp, pc; /* of a thread that waits; else 0 */
};

/* Returns 0, -ESRCH when the thread has ended, or another negative errno. */
int live_call_read(struct live_call *ret, pid_t pid, pid_t tid);

/* "futex 0x7f..", as the tracker tells it in a dump. */
void live_call_describe(const struct live_call *call, char *ret, size_t room);

/* Whether a thread may be stopped in it: nothing of that shows in the program. */
bool live_call_may_stop(const struct live_call *call, pid_t pid);

/* Whether a call that was begun a moment ago, and has come back with EINTR because of a stop,
 * can be begun again. */
bool live_call_may_repeat(long number);

#endif
