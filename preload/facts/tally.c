/* SPDX-License-Identifier: MIT */
#include "preload/facts/tally.h"

#include <stddef.h>

#include "preload/facts/series.h"
#include "preload/ground/notify.h"

void tally_add(uint32_t stack, uint32_t count, uint64_t bytes)
{
    struct stack_tally *tally = stack_tally(stack);
    if (!tally)
        return;
    uint64_t before = atomic_fetch_add_explicit(&tally->acquired, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->bytes, bytes, memory_order_relaxed);
    series_note_memory(stack, before, count);
    stack_mirror_tally(stack);
}

/* Adds up the slot and makes it `stack`'s. */
static void slot_turn(struct room_tally *slot, uint32_t stack)
{
    uint32_t count = slot->count, was = slot->stack;
    uint64_t bytes = slot->bytes;
    /* Emptied first: interrupted for good in between, a count is lost and none
     * is doubled. */
    __atomic_store_n(&slot->count, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->bytes, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->stack, stack, __ATOMIC_RELAXED);
    atomic_signal_fence(memory_order_seq_cst);
    if (count)
        tally_add(was, count, bytes);
}

void tally_elsewhere(struct room_tally *slot, uint32_t stack, uint64_t bytes)
{
    bool again = slot->candidate == stack;
    slot->candidate = stack;
    if (again || slot->stack == stack)
        slot_turn(slot, stack);
    tally_add(stack, 1, bytes);
    NOTIFY(allocated);
}

void tally_each_pending(void (*each)(uint32_t stack, uint32_t count, uint64_t bytes, void *arg),
                        void *arg)
{
    for (struct thread_room *room = room_first(); room; room = room->older) {
        for (unsigned i = 0; i < ROOM_TALLIES; i++) {
            const struct room_tally *slot = &room->tallies[i];
            uint32_t stack = __atomic_load_n(&slot->stack, __ATOMIC_RELAXED);
            uint32_t count = __atomic_load_n(&slot->count, __ATOMIC_RELAXED);
            uint64_t bytes = __atomic_load_n(&slot->bytes, __ATOMIC_RELAXED);
            if (count && __atomic_load_n(&slot->stack, __ATOMIC_RELAXED) == stack)
                each(stack, count, bytes, arg);
        }
    }
}
