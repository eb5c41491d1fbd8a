/* SPDX-License-Identifier: MIT */
/*
 * From any address to the block that it lies in: the ledger's blocks in the order of
 * their addresses, and for each page of the segments that they lie in the first block
 * that begins in it or behind it. A look-up is a table, a page's entry, and a search
 * among the few blocks of a page.
 *
 * Made and asked in the frozen copy of the process alone.
 */
#ifndef OUTLETS_REACH_INDEX_H
#define OUTLETS_REACH_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/books/ledger.h"

#define INDEX_NONE      UINT32_MAX
#define INDEX_SEGMENT   26u /* 64 MiB: also what glibc's arenas are aligned to */
#define INDEX_PAGE      12u
#define INDEX_PAGES     (1u << (INDEX_SEGMENT - INDEX_PAGE))
#define INDEX_SEGMENTS  (1u << (47u - INDEX_SEGMENT))
#define INDEX_WHOLE_MAX UINT32_MAX /* in `bytes`: as large, or larger; see the ledger */

/* A block is 16 bytes here: there may be many millions. */
struct reach_item {
    uint64_t address : 48;
    uint64_t marks : 16;
    uint32_t bytes;
    uint32_t number; /* of its record */
};

struct reach_segment {
    struct reach_segment *next; /* upwards */
    uintptr_t start;
    uint32_t first[INDEX_PAGES + 1];
};

struct reach_index {
    struct reach_item *items;
    uint32_t count;
    uintptr_t low, high; /* of all blocks */
    struct reach_segment **segments;
};

extern struct reach_index reach_index;

/* False: no memory for it. */
bool index_make(void);
/* The bytes of an item. */
uint64_t index_bytes(uint32_t i);
/* The first item at or behind an address: 0 .. count. */
uint32_t index_at(uintptr_t address);

static inline uint32_t index_search(uint32_t from, uint32_t to, uintptr_t address)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (reach_index.items[middle].address <= address)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* A look-up in two steps, so that many can wait for memory at once. First where to look:
 * the entry of the address's page, and of the next one; NULL: no block is near. */
static inline const uint32_t *index_page(uintptr_t address)
{
    if (address < reach_index.low || address > reach_index.high)
        return NULL;
    const struct reach_segment *segment = reach_index.segments[address >> INDEX_SEGMENT];
    return segment ? &segment->first[(address >> INDEX_PAGE) & (INDEX_PAGES - 1)] : NULL;
}

/* Then the item that holds the address, its end included: who keeps only the end of an
 * array keeps the array. */
static inline uint32_t index_in_page(const uint32_t *page, uintptr_t address)
{
    uint32_t i = index_search(page[0], page[1], address);
    if (i == 0)
        return INDEX_NONE;
    const struct reach_item *item = &reach_index.items[--i];
    if (address - item->address <= item->bytes)
        return i;
    return item->bytes == INDEX_WHOLE_MAX && address - item->address <= index_bytes(i) ? i
                                                                                       : INDEX_NONE;
}

static inline uint32_t index_find(uintptr_t address)
{
    const uint32_t *page = index_page(address);
    return page ? index_in_page(page, address) : INDEX_NONE;
}

#endif
