/* SPDX-License-Identifier: MIT */
/*
 * The quick half of stack_capture, for the hot path: the same function called
 * from the same stack as the last time, on the thread's own stack.
 */
#ifndef FACTS_CAPTURE_H
#define FACTS_CAPTURE_H

#include "preload/facts/stack.h"
#include "preload/facts/unwind_libunwind.h"
#include "preload/facts/unwind_memo.h"
#include "preload/ground/guard.h"

/* The stack's id, or STACK_NONE: then stack_capture is to be asked. */
static inline uint32_t capture_again(const struct call_site *site, const void *entry)
{
    struct thread_room *room = self.room;
    uint32_t id = STACK_NONE;
    if (!room || room->walking[0] || !unwind_is_ours())
        return id;
    room->walking[0] = GUARD_FRAME();
    atomic_signal_fence(memory_order_seq_cst);
    if (room->memo.entry == entry && memo_is_whole(room, site))
        id = room->memo.leaf;
    atomic_signal_fence(memory_order_seq_cst);
    room->walking[0] = 0;
    return id;
}

#endif
