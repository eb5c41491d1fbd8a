/* SPDX-License-Identifier: MIT */
/*
 * The quick half of stack_capture, for the hot path: the same function called
 * from the same stack as the last time, or as lately, on the thread's own stack.
 */
#ifndef FACTS_CAPTURE_H
#define FACTS_CAPTURE_H

#include "preload/facts/stack.h"
#include "preload/facts/unwind_libunwind.h"
#include "preload/facts/unwind_memo.h"
#include "preload/ground/guard.h"

/* What the memo, or what is kept beside it, says; or STACK_NONE. Only for who
 * holds walking[0]. */
static inline uint32_t capture_known(struct thread_room *room, const struct call_site *site,
                                     const void *entry)
{
    if (room->memo.entry == entry && memo_is_whole(room, site))
        return room->memo.leaf;
    return memo_recall(room, site, entry);
}

/* The stack's id, or STACK_NONE: then capture_anew is to be asked. */
static inline uint32_t capture_again(const struct call_site *site, const void *entry)
{
    struct thread_room *room = self.room;
    if (!room || room->walking[0] || !unwind_is_ours())
        return STACK_NONE;
    room->walking[0] = GUARD_FRAME();
    atomic_signal_fence(memory_order_seq_cst);
    uint32_t id = capture_known(room, site, entry);
    atomic_signal_fence(memory_order_seq_cst);
    room->walking[0] = 0;
    return id;
}
uint32_t capture_anew(const struct call_site *site, const void *entry);

#endif
