/* SPDX-License-Identifier: MIT */
/*
 * A thread's room: what is too large for thread-local storage, in our arena.
 *
 * Made at a thread's first recorded event, given back when the thread ends,
 * and taken again by the next thread: ten thousand threads need as many rooms
 * as were alive at once. Only the owning thread writes it; a signal handler on
 * that thread may interrupt it anywhere, so each part says how it copes.
 */
#ifndef GROUND_ROOM_H
#define GROUND_ROOM_H

#include <stdatomic.h>
#include <stdint.h>

#define ROOM_WALKS      2u   /* a capture, and one in a handler that interrupted it */
#define ROOM_WALK_DEPTH 512u /* the most that stack_depth can ask for */

struct room_range {
    uintptr_t low, high;
};

struct thread_room {
    /* The thread's own stack, and one other met lately (alternate signal
     * stack, coroutine). low == high: not known. */
    struct room_range own_stack, other_stack;
    /* Captures at work: the frame address of the one that uses walk[i], or 0.
     * One below a later frame on the same stack was left by siglongjmp. */
    uintptr_t walking[ROOM_WALKS];
    /* Free records of the memory ledger. `blocks_busy` sends a signal handler
     * that interrupts their owner to the shared list instead. */
    uint32_t blocks_busy;
    uint32_t blocks_head, blocks_count;
    uint32_t clock_calls;
    _Atomic(struct thread_room *) next; /* among the free rooms */
    uint64_t walk[ROOM_WALKS][ROOM_WALK_DEPTH];
    /* The last stack interned from walk[0], outermost first: its pcs, and the
     * ids that they led to. Only a capture that owns walk[0] touches it, and
     * only beyond `last_count`. */
    uint32_t last_cut, last_count;
    uint64_t last_pcs[ROOM_WALK_DEPTH];
    uint32_t last_ids[ROOM_WALK_DEPTH];
};

/* This thread's room; NULL when there is no memory for one, or when it has left
 * (libc frees a few blocks of its own after the last destructor). */
struct thread_room *room_get(void);
/* At the thread's end, by the thread itself. `self.room` is NULL afterwards. */
void room_leave(void);

#endif
