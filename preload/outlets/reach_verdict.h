/* SPDX-License-Identifier: MIT */
/*
 * What the copy says to the living process: memory that both share.
 */
#ifndef OUTLETS_REACH_VERDICT_H
#define OUTLETS_REACH_VERDICT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/books/ledger.h"

/* Of a record of the ledger: what became of it, and some bits of which block it was, since
 * it may be another's before the dump is written. */
enum {
    VERDICT_NONE = 0,
    VERDICT_REACHED = 1,
    VERDICT_INSIDE = 2,
    VERDICT_LOST = 3,
    VERDICT_RING = 4,
    VERDICT_PART = 5,
    VERDICT_BITS = 3,
};

/* What hangs on to what is lost, by the latter's stack, context and shape. */
#define PART_ROWS  4096u
#define PART_TRIES 32u /* beyond, what hangs on is told without saying on what */
struct reach_part {
    uint32_t stack, context;
    bool is_ring;
    uint64_t count, bytes;
};

struct reach_verdict {
    _Atomic uint32_t done; /* a futex: 1 when all of this is written */
    uint32_t threads_unread;
    uint32_t moving;
    bool has_rings, in_motion, is_full, is_short;
    uint64_t blocks, bytes, root_bytes, lost;
    struct reach_part parts[PART_ROWS];
    uint16_t of_number[]; /* ledger_numbers() of them */
};

/* Which block, in the bits that the verdict leaves. */
static inline uint16_t verdict_tag(const struct block *block)
{
    uint64_t hash = (block->address ^ block->bytes << 7 ^ (uint64_t)block->stack << 29 ^
                     (uint64_t)block->born_ms << 13) *
                    UINT64_C(0x9e3779b97f4a7c15);
    return (uint16_t)(hash >> 48) & (uint16_t) ~((1u << VERDICT_BITS) - 1);
}

static inline struct reach_part *verdict_part(struct reach_verdict *verdict, uint32_t stack,
                                              uint32_t context, bool is_ring)
{
    uint32_t i = (stack * 2654435761u ^ context * 40503u) % PART_ROWS;
    for (uint32_t tries = 0; tries < PART_TRIES; tries++, i = (i + 1) % PART_ROWS) {
        struct reach_part *row = &verdict->parts[i];
        if (!row->count ||
            (row->stack == stack && row->context == context && row->is_ring == is_ring))
            return row;
    }
    return NULL;
}

#endif
