/* SPDX-License-Identifier: MIT */
/*
 * What a thread carries, and when a hook must stand aside.
 *
 * All thread-local state is this one plain struct with the initial-exec model:
 * no destructor, no lazy allocation, no __tls_get_addr (hazards.md A9, A10).
 *
 * A hook stands aside (calls the real function and records nothing) when
 *  - the tracker is off, not yet on, or has reported its last;
 *  - this thread is inside a vfork child: its memory is the parent's (C5);
 *  - this thread is already inside the tracker (`inside`): the real malloc may
 *    call another hooked allocator function (B2), dlsym may allocate (A2).
 *
 * `inside` is the frame address of the hook that entered, not a count: if a
 * signal handler left by siglongjmp over a hook, the stale frame lies below
 * the stack pointer of whoever looks next on that stack, and is ignored (A22).
 */
#ifndef GROUND_GUARD_H
#define GROUND_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct thread_room; /* the thread's larger state, in our arena: room.h */
struct waiting;     /* a wait that a hook stands around: facts/waiting.h */

struct thread_self {
    uint32_t context; /* active context: what an acquisition is charged to */
    uint32_t task;    /* 0: this thread has not been met yet */
    uintptr_t inside; /* frame address of the hook that is at work, or 0 */
    uint32_t vforked; /* > 0: a vfork has not come back to this thread yet */
    uint32_t left;    /* the thread has given its room back: about to end */
    struct thread_room *room;
    struct waiting *waiting;
    uint32_t alternate;       /* number of our alternate signal stack, or 0 */
    int32_t vforker;          /* vforked > 0: the process whose child that is */
    uint32_t program_signals; /* handlers of the program's begun on this thread */
    uint32_t tid;             /* 0 until the thread is a task */
    uintptr_t blocking;       /* frame of a hook that has kept registers (hook.h), or 0 */
    uint32_t stack_row;       /* this thread's in facts/thread_stacks.h, + 1; 0: none */
    int64_t sample_left;      /* sample.h: bytes to the next point, when above 0 */
    uint64_t sample_random;   /* its random numbers' state; 0: nothing drawn yet */
};

extern _Thread_local struct thread_self self __attribute__((tls_model("initial-exec")));

enum tracker_state {
    TRACKER_COLD = 0, /* nothing resolved */
    TRACKER_EARLY,    /* real functions known; before __libc_start_main */
    TRACKER_ON,
    TRACKER_REPORTING, /* the last report is being made: others run on, and are watched, or
                          the books would not be of the memory that is looked at */
    TRACKER_OFF,       /* for good: off=1, or this is not a process to watch */
    TRACKER_REPORTED,  /* the last report is out */
};
extern _Atomic int tracker_state;

static inline bool tracker_watching(void)
{
    int state = atomic_load_explicit(&tracker_state, memory_order_relaxed);
    return (unsigned)state - TRACKER_EARLY <= TRACKER_REPORTING - TRACKER_EARLY;
}

#define GUARD_FRAME() ((uintptr_t)__builtin_frame_address(0))

/* A stale mark is older (numerically lower: stacks grow down) than the frame
 * that asks, on the same stack; SAME_STACK bounds "the same". */
#define GUARD_SAME_STACK (UINT64_C(8) << 20)

static inline bool guard_is_inside(uintptr_t frame)
{
    uintptr_t mark = self.inside;
    if (mark == 0)
        return false;
    return !(mark < frame && frame - mark < GUARD_SAME_STACK);
}

/* True in the child of a vfork. The parent sees the mark too for a moment: a
 * SIGCHLD handler may run before the vfork has returned, and must record what
 * it does. */
bool guard_is_vfork_child(void);
static inline bool guard_is_vforked(void)
{
    return __builtin_expect(self.vforked != 0, 0) && guard_is_vfork_child();
}

/* True when a hook may record. */
static inline bool guard_may_record(uintptr_t frame)
{
    return tracker_watching() && !guard_is_vforked() && !guard_is_inside(frame);
}

#endif
