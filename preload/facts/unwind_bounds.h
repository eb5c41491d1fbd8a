/* SPDX-License-Identifier: MIT */
/*
 * Which memory is the stack that a stack pointer points into.
 *
 * A walk reads nothing outside these bounds: they are what makes a wrong rule
 * or a damaged stack harmless. A thread's own stack is told by whoever made the
 * thread; an alternate signal stack or a coroutine's is found out from the
 * kernel page by page as a walk comes to it, and at each walk anew: it may be
 * unmapped at any time, and a smaller one be mapped in its place.
 */
#ifndef FACTS_UNWIND_BOUNDS_H
#define FACTS_UNWIND_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/ground/room.h"

/* A leaf function may use this much below its stack pointer (System V ABI). */
#define RED_ZONE 128u

/* For a stack that is not the thread's own, or not known to be. */
bool bounds_find_other(uintptr_t sp, struct room_range *ret_bounds);

/* Makes a range that bounds_find_other gave reach to `at`, if it is of the same
 * readable memory. False when it is not, or the stack is known to end before. */
bool bounds_reach(struct room_range *range, uintptr_t at);

/* False when `sp` is in no readable memory, or the kernel does not tell. */
static inline bool bounds_find(uintptr_t sp, struct room_range *ret_bounds)
{
    struct thread_room *room = room_get();
    if (!room || sp < room->own_stack.low || sp >= room->own_stack.high)
        return bounds_find_other(sp, ret_bounds);
    *ret_bounds = room->own_stack;
    return true;
}

#endif
