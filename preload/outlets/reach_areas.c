/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_areas.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/books/ranges.h"
#include "preload/ground/arena.h"
#include "preload/ground/sys.h"
#include "preload/outlets/reach_index.h"
#include "preload/outlets/reach_pages.h"

#define AREAS_MAX   (1u << 18) /* four times the kernel's own vm.max_map_count */
#define TAKEN_MAX   (1u << 18)
#define SEALED_MOST (UINT64_C(1) << 30)
#define WORD        sizeof(uintptr_t)

struct areas areas;

struct span {
    uintptr_t start, end;
};
static struct span *taken;
static uint32_t taken_count;
static struct holding_copy *ranges; /* of the program's own mappings */
static uint32_t range_count;

/* ---- the kernel's list ---- */

static uint32_t flags_of(const struct maps_area *area)
{
    static const struct row {
        const char *begins;
        uint32_t flags;
    } rows[] = {
        {"[stack]", AREA_STACK},
        {"[v", AREA_KERNEL}, /* vdso, vvar, vsyscall */
        {"anon_inode:", AREA_DEVICE},
        {"/[aio]", AREA_DEVICE},
        {"/dev/zero", AREA_MEMORY},
        {"/SYSV", AREA_MEMORY},
        {"/memfd:", AREA_FILE | AREA_MEMORY},
        {"/dev/shm/", AREA_FILE | AREA_MEMORY},
        {"/dev/", AREA_DEVICE},
        {"/", AREA_FILE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(area->name, rows[i].begins, strlen(rows[i].begins)) == 0)
            return area->flags | rows[i].flags;
    return area->flags;
}

static bool is_ring(const char *name)
{
    return strncmp(name, "anon_inode:[io_uring]", 21) == 0 || strncmp(name, "/[aio]", 6) == 0;
}

static uint64_t private_bytes(const struct maps_area *area)
{
    bool is_private = (area->flags & MAPS_WRITE) && !(area->flags & MAPS_SHARED);
    return is_private ? area->end - area->start : 0;
}

uint64_t areas_private(void)
{
    struct maps maps;
    struct maps_area area;
    uint64_t sum = 0;
    maps_open(&maps, "/proc/self/maps");
    while (maps_next(&maps, &area))
        sum += private_bytes(&area);
    maps_close(&maps);
    return sum;
}

static bool ranges_read(void);

/* Memory that the program itself cannot read now may hold pointers that it will want again.
 * In the copy it can be made readable; large reserves are left alone. */
static void unseal(struct area *area)
{
    const uint32_t others = MAPS_READ | MAPS_SHARED | AREA_FILE | AREA_DEVICE | AREA_KERNEL;
    uintptr_t bytes = area->end - area->start;
    if ((area->flags & others) || bytes > SEALED_MOST || !pages_any(area->start, area->end))
        return;
    if (sys_call(SYS_mprotect, (long)area->start, (long)bytes, PROT_READ, 0, 0, 0) == 0)
        area->flags |= MAPS_READ;
}

bool areas_read(void)
{
    struct maps maps;
    struct maps_area area;
    areas.rows = arena_map(AREAS_MAX * sizeof *areas.rows);
    taken = arena_map(TAKEN_MAX * sizeof *taken);
    if (!areas.rows || !taken)
        return false;
    maps_open(&maps, "/proc/self/maps");
    while (maps_next(&maps, &area) && areas.count < AREAS_MAX) {
        areas.has_rings |= is_ring(area.name);
        areas.rows[areas.count] = (struct area){area.start, area.end, flags_of(&area)};
        unseal(&areas.rows[areas.count++]);
    }
    maps_close(&maps);
    return !maps.failed && areas.count > 0 && areas.count < AREAS_MAX && ranges_read();
}

/* The first that ends behind the address: 0 .. count. */
static uint32_t first_behind(uintptr_t address)
{
    uint32_t from = 0, to = areas.count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (areas.rows[middle].end <= address)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const struct area *area_at(uintptr_t address)
{
    uint32_t i = first_behind(address);
    return i < areas.count && areas.rows[i].start <= address ? &areas.rows[i] : NULL;
}

static bool is_readable(const struct area *area)
{
    return (area->flags & MAPS_READ) && !(area->flags & (AREA_DEVICE | AREA_KERNEL));
}

bool areas_readable(uintptr_t start, uintptr_t end)
{
    for (uint32_t i = first_behind(start); start < end; i++) {
        if (i == areas.count || areas.rows[i].start > start || !is_readable(&areas.rows[i]))
            return false;
        start = areas.rows[i].end;
    }
    return true;
}

void areas_within(uintptr_t start, uintptr_t end,
                  void (*each)(uintptr_t start, uintptr_t end, const struct area *area))
{
    for (uint32_t i = first_behind(start); i < areas.count && areas.rows[i].start < end; i++) {
        const struct area *area = &areas.rows[i];
        if (is_readable(area))
            each(area->start > start ? area->start : start, area->end < end ? area->end : end,
                 area);
    }
}

/* ---- the program's own mappings ---- */

static bool ranges_read(void)
{
    ranges = arena_map(RANGE_MAX * sizeof *ranges);
    if (!ranges)
        return false;
    areas.in_motion = !range_list(ranges, RANGE_MAX, &range_count);
    range_count = range_count < RANGE_MAX ? range_count : RANGE_MAX;
    return true;
}

/* The first that ends behind the address: 0 .. range_count. */
static uint32_t range_behind(uintptr_t address)
{
    uint32_t from = 0, to = range_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (ranges[middle].handle + ranges[middle].bytes <= address)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

bool areas_has_range(uintptr_t start, uintptr_t end)
{
    uint32_t i = range_behind(start);
    return i < range_count && ranges[i].handle < end;
}

/* ---- what is taken ---- */

void areas_take(uintptr_t start, uintptr_t end)
{
    if (taken_count == TAKEN_MAX)
        areas.is_full = true;
    else if (start < end)
        taken[taken_count++] = (struct span){start, end};
}

static void sift(uint32_t root, uint32_t count)
{
    for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && taken[child].start < taken[child + 1].start)
            child++;
        if (taken[root].start >= taken[child].start)
            return;
        struct span other = taken[root];
        taken[root] = taken[child];
        taken[child] = other;
    }
}

static void taken_sort(void)
{
    for (uint32_t i = taken_count / 2; i > 0; i--)
        sift(i - 1, taken_count);
    for (uint32_t last = taken_count; last > 1; last--) {
        struct span other = taken[0];
        taken[0] = taken[last - 1];
        taken[last - 1] = other;
        sift(0, last - 1);
    }
}

/* ---- the rest ---- */

typedef void each_span(uintptr_t start, uintptr_t end, const struct area *area);

static each_span *tell_root;
/* A block from mmap alone: its chunk has two words before it, the second its size and
 * flags, the first how far behind the mapping's start it lies. */
#define CHUNK_MAPPED ((uintptr_t)2)
#define CHUNK_FLAGS  ((uintptr_t)7)

static bool chunk_is_mapped(uint32_t i, const struct area *area, struct span *ret_chunk)
{
    const uintptr_t *words = (const uintptr_t *)(uintptr_t)reach_index.items[i].address;
    if ((uintptr_t)(words - 2) < area->start || !(words[-1] & CHUNK_MAPPED))
        return false;
    uintptr_t start = (uintptr_t)(words - 2);
    *ret_chunk = (struct span){start - words[-2], start + (words[-1] & ~CHUNK_FLAGS)};
    return ret_chunk->start <= start && ret_chunk->start >= area->start &&
           ret_chunk->end <= area->end && ret_chunk->end > start;
}

/* The kernel makes one mapping of neighbours: glibc's large blocks, and what somebody has
 * mapped beside them. Only where all blocks are such large ones. */
static bool between_large_blocks(uintptr_t start, uintptr_t end, const struct area *area)
{
    struct span chunk;
    if (ledger_granule() != LEDGER_GRANULE_GLIBC)
        return false;
    for (uint32_t i = index_at(start); i < reach_index.count && reach_index.items[i].address < end;
         i++)
        if (!chunk_is_mapped(i, area, &chunk))
            return false;
    for (uint32_t i = index_at(start); i < reach_index.count && reach_index.items[i].address < end;
         i++) {
        chunk_is_mapped(i, area, &chunk);
        if (chunk.start > start)
            tell_root(start, chunk.start, area);
        start = chunk.end > start ? chunk.end : start;
    }
    if (start < end)
        tell_root(start, end, area);
    return true;
}

/* [start, end) was mapped at once, as far as is known. */
static void piece(uintptr_t start, uintptr_t end, const struct area *area)
{
    uint32_t i = index_at(start);
    bool begins = i < reach_index.count && reach_index.items[i].address < end;
    bool reaches_in = i > 0 && reach_index.items[i - 1].address + index_bytes(i - 1) > start;
    if (!begins && !reaches_in)
        tell_root(start, end, area);
    else if (!reaches_in)
        between_large_blocks(start, end, area);
}

/* An arena of glibc's begins where such a segment does, and may be one mapping with what
 * lies before it. */
static void by_segments(uintptr_t start, uintptr_t end, const struct area *area)
{
    const uintptr_t segment = (uintptr_t)1 << INDEX_SEGMENT;
    bool may_be_split = !(area->flags & AREA_FILE) && index_at(start) != index_at(end);
    while (may_be_split && (start | (segment - 1)) + 1 < end) {
        uintptr_t next = (start | (segment - 1)) + 1;
        piece(start, next, area);
        start = next;
    }
    piece(start, end, area);
}

/* What the program has mapped itself is apart from its neighbours. */
static void by_ranges(uintptr_t start, uintptr_t end, const struct area *area)
{
    uint32_t from = range_behind(start);
    for (; from < range_count && ranges[from].handle < end; from++) {
        uintptr_t low = ranges[from].handle, high = low + ranges[from].bytes;
        if (low > start)
            by_segments(start, low, area);
        low = low > start ? low : start;
        high = high < end ? high : end;
        piece(low, high, area);
        start = high;
    }
    if (start < end)
        by_segments(start, end, area);
}

/* Also what can only be read by now: a program may have sealed it. But a file's own pages,
 * shared, and not to be written here, hold what others put there. */
static bool may_hold_pointers(const struct area *area)
{
    return is_readable(area) && !(area->flags & AREA_STACK) &&
           ((area->flags & (MAPS_WRITE | AREA_MEMORY)) || !(area->flags & MAPS_SHARED));
}

static uint32_t rest_of_area(const struct area *area, uint32_t first)
{
    uintptr_t start = area->start;
    while (first < taken_count && taken[first].end <= start)
        first++;
    for (uint32_t i = first; i < taken_count && taken[i].start < area->end; i++) {
        if (taken[i].start > start)
            by_ranges(start, taken[i].start, area);
        start = taken[i].end > start ? taken[i].end : start;
    }
    if (start < area->end)
        by_ranges(start, area->end, area);
    return first;
}

void areas_rest(each_span *each)
{
    uint32_t first = 0;
    tell_root = each;
    taken_sort();
    for (uint32_t i = 0; i < areas.count; i++)
        if (may_hold_pointers(&areas.rows[i]))
            first = rest_of_area(&areas.rows[i], first);
}
