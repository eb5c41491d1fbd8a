/* SPDX-License-Identifier: MIT */
/*
 * Which memory is the stack that a stack pointer points into.
 *
 * A walk reads nothing outside these bounds: they are what makes a wrong rule
 * or a damaged stack harmless. A thread's own stack is told by whoever made the
 * thread; an alternate signal stack or a coroutine's is found out from the
 * kernel when the thread comes to it, and remembered in its room until it is
 * seen on another stack: from there a coroutine's stack may be unmapped, and
 * a smaller one be mapped in its place. (A thread that captures nothing between
 * leaving a stack and coming to its smaller successor is not seen to do so.)
 */
#ifndef FACTS_UNWIND_BOUNDS_H
#define FACTS_UNWIND_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/ground/room.h"

/* The thread is on its own stack now. Not for a capture that interrupted another:
 * capture.c compares where the two are. */
static inline void bounds_left_other(struct thread_room *room)
{
    room->other_stack.low = UINTPTR_MAX;
}

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
    if (!room->walking[1])
        bounds_left_other(room);
    *ret_bounds = room->own_stack;
    return true;
}

#endif
