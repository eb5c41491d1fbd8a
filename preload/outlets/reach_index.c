/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_index.h"

#include "preload/ground/arena.h"

struct reach_index reach_index;

struct filling {
    uint32_t room;
    bool is_full;
};

static void fill_one(const struct block *block, uint32_t number, void *arg)
{
    struct filling *filling = arg;
    uint64_t bytes = block->bytes & ~BLOCK_DRAWN;
    if (reach_index.count == filling->room) {
        filling->is_full = true;
        return;
    }
    reach_index.items[reach_index.count++] =
        (struct reach_item){.address = block->address,
                            .bytes = bytes < INDEX_WHOLE_MAX ? (uint32_t)bytes : INDEX_WHOLE_MAX,
                            .number = number};
}

uint64_t index_bytes(uint32_t i)
{
    const struct reach_item *item = &reach_index.items[i];
    struct block block;
    if (item->bytes < INDEX_WHOLE_MAX || !ledger_read(item->number, &block))
        return item->bytes;
    return block.bytes & ~BLOCK_DRAWN;
}

uint32_t index_at(uintptr_t address)
{
    return address ? index_search(0, reach_index.count, address - 1) : 0;
}

static struct reach_segment *first_segment, **last_segment = &first_segment;

static bool segment_make(uintptr_t number)
{
    struct reach_segment *segment = arena_map(sizeof *segment);
    if (!segment)
        return false;
    segment->start = number << INDEX_SEGMENT;
    reach_index.segments[number] = *last_segment = segment;
    last_segment = &segment->next;
    return true;
}

/* Every segment that a block lies in has its table, also where none begins. */
static bool segments_make(void)
{
    uintptr_t made = UINTPTR_MAX; /* the last one: blocks come in order */
    for (uint32_t i = 0; i < reach_index.count; i++) {
        uintptr_t start = reach_index.items[i].address;
        uintptr_t end = start + index_bytes(i); /* which index_find takes for inside */
        if (end > reach_index.high)
            reach_index.high = end;
        for (uintptr_t s = start >> INDEX_SEGMENT; s <= end >> INDEX_SEGMENT; s++) {
            if (s == made || reach_index.segments[s])
                continue;
            if (!segment_make(s))
                return false;
            made = s;
        }
    }
    return true;
}

static void pages_fill(struct reach_segment *segment, uint32_t *next)
{
    for (uint32_t page = 0; page <= INDEX_PAGES; page++) {
        uintptr_t start = segment->start + ((uintptr_t)page << INDEX_PAGE);
        while (*next < reach_index.count && reach_index.items[*next].address < start)
            ++*next;
        segment->first[page] = *next;
    }
}

bool index_make(void)
{
    struct filling filling = {.room = ledger_numbers()};
    reach_index = (struct reach_index){.low = UINTPTR_MAX};
    reach_index.items = arena_map(filling.room * sizeof *reach_index.items);
    reach_index.segments = arena_map(INDEX_SEGMENTS * sizeof *reach_index.segments);
    if (!reach_index.items || !reach_index.segments)
        return false;
    ledger_scan_numbers(fill_one, &filling);
    if (filling.is_full)
        return false;
    if (reach_index.count)
        reach_index.low = reach_index.items[0].address;
    if (!segments_make())
        return false;
    uint32_t next = 0;
    for (struct reach_segment *s = first_segment; s; s = s->next)
        pages_fill(s, &next);
    return true;
}
