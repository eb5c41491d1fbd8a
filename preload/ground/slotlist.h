/* SPDX-License-Identifier: MIT */
/*
 * Slots that are free again, lock-free: a Treiber stack of slot numbers. The table that the
 * slots are of never unmaps them, so a number that was read too late is read safely, and
 * then the tag in the head has changed.
 *
 * Slot 0 is never given out: it is "none".
 */
#ifndef GROUND_SLOTLIST_H
#define GROUND_SLOTLIST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SLOTLIST_NONE 0u

/* The slot in the low half, a tag against ABA above. */
struct slotlist {
    _Atomic uint64_t head;
};

/* Where a slot keeps the number of the next one. */
typedef _Atomic uint32_t *slotlist_next(uint32_t slot);

static inline uint32_t slotlist_pop(struct slotlist *list, slotlist_next *next_of)
{
    uint64_t head = atomic_load(&list->head);
    for (;;) {
        uint32_t slot = (uint32_t)head;
        if (slot == SLOTLIST_NONE)
            return SLOTLIST_NONE;
        uint32_t next = atomic_load_explicit(next_of(slot), memory_order_relaxed);
        uint64_t after = ((head >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak(&list->head, &head, after))
            return slot;
    }
}

static inline void slotlist_push(struct slotlist *list, slotlist_next *next_of, uint32_t slot)
{
    uint64_t head = atomic_load(&list->head), after;
    do {
        atomic_store_explicit(next_of(slot), (uint32_t)head, memory_order_relaxed);
        after = ((head >> 32) + 1) << 32 | slot;
    } while (!atomic_compare_exchange_weak(&list->head, &head, after));
}

static inline bool slotlist_is_empty(struct slotlist *list)
{
    return (uint32_t)atomic_load_explicit(&list->head, memory_order_relaxed) == SLOTLIST_NONE;
}

#endif
