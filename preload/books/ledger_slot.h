/* SPDX-License-Identifier: MIT */
/*
 * The ledger's radix tree: from an address to the slot of its record's number.
 *
 * Apart from ledger.h for the hooks alone: a sampled run asks with every free
 * whether the block is one of the few that are recorded, and most often the answer
 * is three loads away.
 */
#ifndef BOOKS_LEDGER_SLOT_H
#define BOOKS_LEDGER_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_ADDRESS_BITS 47u
#define LEDGER_TOP_BITS     13u
#define LEDGER_MIDDLE_BITS  14u
/* A leaf is for 1 MiB. */
#define LEDGER_LEAF_SPAN (LEDGER_ADDRESS_BITS - LEDGER_TOP_BITS - LEDGER_MIDDLE_BITS)

struct ledger_leaf {
    _Atomic uint32_t numbers[1]; /* one for each granule */
};
struct ledger_middle {
    _Atomic(struct ledger_leaf *) leaves[1u << LEDGER_MIDDLE_BITS];
};

extern _Atomic(struct ledger_middle *) ledger_top[1u << LEDGER_TOP_BITS];
extern unsigned ledger_granule_bits;

/* Beyond the table for what is no address. */
static inline uintptr_t ledger_top_index(uintptr_t address)
{
    return address >> (LEDGER_ADDRESS_BITS - LEDGER_TOP_BITS);
}

static inline uint32_t ledger_middle_index(uintptr_t address)
{
    return (uint32_t)(address >> LEDGER_LEAF_SPAN) & ((1u << LEDGER_MIDDLE_BITS) - 1);
}

static inline uint32_t ledger_leaf_index(uintptr_t address)
{
    return ((uint32_t)address & ((1u << LEDGER_LEAF_SPAN) - 1)) >> ledger_granule_bits;
}

/* NULL: nothing was ever recorded near it. */
static inline _Atomic uint32_t *ledger_slot(uintptr_t address)
{
    uintptr_t index = ledger_top_index(address);
    if (index >= 1u << LEDGER_TOP_BITS)
        return NULL;
    struct ledger_middle *middle = atomic_load_explicit(&ledger_top[index], memory_order_acquire);
    if (!middle)
        return NULL;
    struct ledger_leaf *leaf =
        atomic_load_explicit(&middle->leaves[ledger_middle_index(address)], memory_order_acquire);
    return leaf ? &leaf->numbers[ledger_leaf_index(address)] : NULL;
}

/* Whether the block is recorded, for who owns it: then the answer stands. */
static inline bool ledger_holds(uintptr_t address)
{
    _Atomic uint32_t *slot = ledger_slot(address);
    return slot && atomic_load_explicit(slot, memory_order_relaxed) != 0;
}

#endif
