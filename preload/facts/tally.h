/* SPDX-License-Identifier: MIT */
/*
 * Counting blocks by stack without making threads fight.
 *
 * The counts of a stack (struct stack_tally) are shared by every thread that
 * acquires there. A locked addition for each block would send their cache line
 * back and forth between processors, and costs as much as half an allocation
 * even on one. So a thread counts in its own room, in one of a few slots chosen
 * by the stack, and adds up when the slot is full, or wanted for another stack
 * twice in a row: where no stack comes back soon its own line, just met, is the
 * best place.
 * Slots outlive their thread with its room. Whoever reads adds what still
 * stands in the slots; beside running threads that may be off by one slot's
 * worth (ROOM_TALLY_FULL) for each thread that adds up meanwhile.
 */
#ifndef FACTS_TALLY_H
#define FACTS_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "preload/facts/stack.h"
#include "preload/ground/guard.h"
#include "preload/ground/room.h"

/* Adds at once. */
void tally_add(uint32_t stack, uint32_t count, uint64_t bytes);
/* The same for a block whose slot is another stack's, or full. The caller has
 * tallies_busy. */
void tally_elsewhere(struct room_tally *slot, uint32_t stack, uint64_t bytes);

/* What stands in the rooms' slots, each once. */
void tally_each_pending(void (*each)(uint32_t stack, uint32_t count, uint64_t bytes, void *arg),
                        void *arg);

/* One block of `bytes` bytes was acquired at `stack`. A handler that interrupts
 * the lines between finds tallies_busy set and adds at once. */
static inline void tally_block(uint32_t stack, uint64_t bytes)
{
    struct thread_room *room = self.room;
    if (stack == STACK_NONE)
        return;
    if (__builtin_expect(!room || room->tallies_busy, 0)) {
        tally_add(stack, 1, bytes);
        return;
    }
    room->tallies_busy = 1;
    atomic_signal_fence(memory_order_seq_cst);
    struct room_tally *slot = &room->tallies[stack % ROOM_TALLIES];
    if (__builtin_expect(slot->stack == stack && slot->count < ROOM_TALLY_FULL, 1)) {
        __atomic_store_n(&slot->bytes, slot->bytes + bytes, __ATOMIC_RELAXED);
        __atomic_store_n(&slot->count, slot->count + 1, __ATOMIC_RELAXED);
    } else {
        tally_elsewhere(slot, stack, bytes);
    }
    atomic_signal_fence(memory_order_seq_cst);
    room->tallies_busy = 0;
}

#endif
