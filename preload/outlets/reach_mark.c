/* SPDX-License-Identifier: MIT */
/*
 * Of what is not reached, one block of each group of blocks that nothing outside the
 * group refers to is the lost one, and the rest of what it leads to its parts. These
 * groups are the strongly connected components without an edge from outside. A flood from
 * each block not yet seen, in order, has its last starts in them: whatever reaches a
 * start of a flood from outside its component starts later. So a second flood from the
 * starts of the first, the last one first, starts once in each, and nowhere else.
 *
 * Nearly all the time goes into waiting for memory, so nothing is asked for and used at
 * once: words that may be addresses are gathered, looked up in two steps, and what is met
 * is fetched while others are looked through. In which order is all the same.
 */
#include "preload/outlets/reach_mark.h"

#include <stddef.h>
#include <stdio.h>

#include "preload/ground/arena.h"
#include "preload/outlets/reach_areas.h"
#include "preload/outlets/reach_contexts.h"
#include "preload/outlets/reach_index.h"
#include "preload/outlets/reach_pages.h"

#define WORD         sizeof(uintptr_t)
#define GATHERED     64u /* words */
#define FETCHED      8u  /* blocks */
#define LINE_BYTES   64u
#define SLACK_LEAST  16u
#define CHUNK_FLAGS  ((uintptr_t)7)
#define CHUNK_MAPPED ((uintptr_t)2)
#define CHUNK_SLACK  (2u << 20) /* a page, or a huge one, at most */

/* Where libc links its streams; those of popen once more behind the FILE, its table of
 * functions, and the child's number. */
#define CHAIN_OFFSET offsetof(struct _IO_FILE, _chain)
#define POPEN_OFFSET (sizeof(struct _IO_FILE) + 2 * WORD)

/* Items whose words are still to be looked at, and the starts of the first flood. */
static uint32_t *worklist, *starts;
static uint32_t waiting, start_count;

/* Words not yet looked up, and where they were found. */
static struct gathered {
    uintptr_t word;
    const uint32_t *page;
    uint32_t at;
} gathered[GATHERED];
static uint32_t gathered_count;
static uint64_t root_bytes;

/* Of the flood at work. */
static struct flood {
    uint16_t mark, skips; /* given to what is met; not met: whatever has one of these */
    uint32_t from, at;    /* the items that it started at, and has come to */
    bool returned;        /* to the first, from another */
    uint64_t count, bytes;
} flood;

bool mark_begin(void)
{
    worklist = arena_map((reach_index.count + 1) * sizeof *worklist);
    starts = arena_map((reach_index.count + 1) * sizeof *starts);
    return worklist && starts;
}

static void meet(uint32_t i)
{
    struct reach_item *item = &reach_index.items[i];
    if (item->marks & (flood.mark | flood.skips))
        return;
    item->marks |= flood.mark;
    flood.count++;
    flood.bytes += index_bytes(i);
    worklist[waiting++] = i;
}

/* What libctx has of its contexts does not count. */
static bool is_outside_pool(uint32_t at)
{
    return flood.mark == MARK_REACHED &&
           (at == INDEX_NONE || !(reach_index.items[at].marks & MARK_POOL));
}

static void look_up(const struct gathered *found)
{
    uint32_t i = index_in_page(found->page, found->word);
    if (i == INDEX_NONE)
        return;
    if (flood.mark == MARK_REACHED && reach_index.items[i].address == found->word)
        reach_index.items[i].marks |= MARK_START;
    if (__builtin_expect(reach_index.items[i].marks & MARK_POOL, 0) && is_outside_pool(found->at))
        contexts_meet(found->word);
    flood.returned |= i == flood.from && i != found->at;
    meet(i);
}

static void look_all_up(void)
{
    for (uint32_t g = 0; g < gathered_count; g++) {
        const uint32_t *page = gathered[g].page;
        __builtin_prefetch(&reach_index.items[page[0] + (page[1] - page[0]) / 2]);
    }
    for (uint32_t g = 0; g < gathered_count; g++)
        look_up(&gathered[g]);
    gathered_count = 0;
}

static void look_at(uintptr_t word)
{
    const uint32_t *page = index_page(word);
    if (!page)
        return;
    __builtin_prefetch(page);
    gathered[gathered_count++] = (struct gathered){word, page, flood.at};
    if (gathered_count == GATHERED)
        look_all_up();
}

static void look_through(uintptr_t start, uintptr_t end)
{
    const uintptr_t *word = (const uintptr_t *)((start + WORD - 1) & ~(WORD - 1));
    const uintptr_t *last = (const uintptr_t *)(end & ~(WORD - 1));
    for (; word < last; word++)
        if (*word >= reach_index.low && *word <= reach_index.high)
            look_at(*word);
}

/* What the allocator has given may be more than was asked for, and programs use it
 * (malloc_usable_size). glibc says how much right before the block; of others' blocks the
 * way to the next one, as far as their classes of sizes may lie apart. */
static uint64_t usable_bytes(uint32_t i)
{
    const struct reach_item *item = &reach_index.items[i];
    uint64_t bytes = index_bytes(i), most = bytes + bytes / 4 + SLACK_LEAST;
    uintptr_t start = item->address;
    if (ledger_granule() == LEDGER_GRANULE_GLIBC) {
        uintptr_t size = ((const uintptr_t *)start)[-1];
        uint64_t usable = (size & ~CHUNK_FLAGS) - (size & CHUNK_MAPPED ? 2 * WORD : WORD);
        return usable >= bytes && usable <= bytes + CHUNK_SLACK ? usable : bytes;
    }
    if (i + 1 < reach_index.count && reach_index.items[i + 1].address - start < most)
        most = reach_index.items[i + 1].address - start;
    return areas_readable(start, start + most) ? most : bytes;
}

/* A block of which not all can be read, as a coroutine's stack with a guard in it. */
static void look_through_part(uintptr_t start, uintptr_t end, const struct area *area)
{
    if (!(area->flags & (AREA_FILE | MAPS_SHARED)))
        pages_present(start, end, look_through);
}

static void look_into(uint32_t i)
{
    const struct reach_item *item = &reach_index.items[i];
    flood.at = i;
    if (item->marks & MARK_UNREADABLE) {
        areas_within(item->address, item->address + index_bytes(i), look_through_part);
        return;
    }
    uintptr_t start = item->address, end = start + usable_bytes(i);
    if (!(item->marks & MARK_STREAM)) {
        pages_present(start, end, look_through);
        return;
    }
    uintptr_t chain = start + CHAIN_OFFSET;
    uintptr_t next = item->marks & MARK_POPEN ? start + POPEN_OFFSET : end;
    look_through(start, chain);
    look_through(chain + WORD, next);
    look_through(next + WORD, end);
}

static void fetch(uint32_t i)
{
    const char *block = (const char *)(uintptr_t)reach_index.items[i].address;
    __builtin_prefetch(block);
    __builtin_prefetch(block + LINE_BYTES);
}

/* Until nothing is left to be looked at. */
static void flow(void)
{
    uint32_t fetched[FETCHED], first = 0, count = 0;
    look_all_up();
    while (waiting || count) {
        while (waiting && count < FETCHED) {
            fetch(worklist[--waiting]);
            fetched[(first + count++) % FETCHED] = worklist[waiting];
        }
        look_into(fetched[first]);
        first = (first + 1) % FETCHED;
        count--;
        if (!waiting)
            look_all_up();
    }
}

/* ---- roots ---- */

static void reach_from_roots(void)
{
    flood = (struct flood){.mark = MARK_REACHED, .from = INDEX_NONE, .at = INDEX_NONE};
}

void mark_words(const uintptr_t *words, size_t count)
{
    reach_from_roots();
    root_bytes += count * WORD;
    for (size_t i = 0; i < count; i++)
        look_at(words[i]);
    flow();
}

void mark_item(uint32_t i)
{
    reach_from_roots();
    meet(i);
    flow();
}

static void look_through_root(uintptr_t start, uintptr_t end)
{
    root_bytes += end - start;
    look_through(start, end);
}

void mark_memory(uintptr_t start, uintptr_t end)
{
    reach_from_roots();
    pages_present(start, end, look_through_root);
    flow();
}

uint64_t mark_root_bytes(void)
{
    return root_bytes;
}

/* ---- what is not reached ---- */

static void flood_from(uint32_t i, uint16_t mark, uint16_t skips)
{
    flood = (struct flood){.mark = mark, .skips = skips, .from = i, .at = i};
    meet(i);
    flow();
}

static void find_starts(void)
{
    for (uint32_t i = 0; i < reach_index.count; i++) {
        if (reach_index.items[i].marks & (MARK_REACHED | MARK_SEEN))
            continue;
        starts[start_count++] = i;
        flood_from(i, MARK_SEEN, MARK_REACHED);
    }
}

void mark_lost(void (*tell)(uint32_t i, uint64_t parts, uint64_t parts_bytes))
{
    find_starts();
    for (uint32_t s = start_count; s > 0; s--) {
        uint32_t i = starts[s - 1];
        struct reach_item *item = &reach_index.items[i];
        if (item->marks & MARK_PART)
            continue;
        flood_from(i, MARK_PART, MARK_REACHED);
        item->marks |= MARK_LOST;
        if (flood.returned)
            item->marks |= MARK_RING;
        tell(i, flood.count - 1, flood.bytes - index_bytes(i));
    }
}
