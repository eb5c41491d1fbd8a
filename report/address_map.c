/* SPDX-License-Identifier: MIT */
/*
 * The sweep: ranges sorted by start, a stack of those still open, and one
 * segment emitted wherever the innermost open range changes.
 */
#include "address_map.h"

#include <errno.h>
#include <stdlib.h>

#define RANGES_AT_FIRST 64

int address_map_add(struct address_map *map, uint64_t low, uint64_t high, uint32_t value)
{
    if (low >= high)
        return 0;
    if (map->range_count == map->range_room) {
        size_t room = map->range_room ? 2 * map->range_room : RANGES_AT_FIRST;
        struct address_range *bigger = reallocarray(map->ranges, room, sizeof(*bigger));

        if (!bigger)
            return -ENOMEM;
        map->ranges = bigger;
        map->range_room = room;
    }
    map->ranges[map->range_count] = (struct address_range){
        .low = low,
        .high = high,
        .value = value,
        .order = (uint32_t)map->range_count,
    };
    map->range_count++;
    return 0;
}

/* By start; of equal starts the wider first, so that the narrower, swept
 * later, ends up inside. */
static int range_compare(const void *left, const void *right)
{
    const struct address_range *a = left;
    const struct address_range *b = right;

    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    if (a->high != b->high)
        return a->high > b->high ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void segment_emit(struct address_map *map, uint64_t start, uint32_t value)
{
    struct address_segment *last =
        map->segment_count ? &map->segments[map->segment_count - 1] : NULL;

    if (last && last->start == start) {
        last->value = value;
        return;
    }
    if (last && last->value == value)
        return;
    map->segments[map->segment_count++] = (struct address_segment){start, value};
}

/* Closes the open ranges that end at or before `until`. */
static size_t ranges_close(struct address_map *map, const struct address_range **open, size_t depth,
                           uint64_t until)
{
    while (depth && open[depth - 1]->high <= until) {
        uint64_t end = open[--depth]->high;

        segment_emit(map, end, depth ? open[depth - 1]->value : ADDRESS_MAP_NONE);
    }
    return depth;
}

static void ranges_sweep(struct address_map *map, const struct address_range **open)
{
    size_t depth = 0;

    for (size_t i = 0; i < map->range_count; i++) {
        const struct address_range *range = &map->ranges[i];

        depth = ranges_close(map, open, depth, range->low);
        /* A range that is only partly overlapped is cut short: whatever
         * starts later is the more specific. This keeps the stack nested. */
        while (depth && open[depth - 1]->high < range->high)
            depth--;
        open[depth++] = range;
        segment_emit(map, range->low, range->value);
    }
    ranges_close(map, open, depth, UINT64_MAX);
}

int address_map_freeze(struct address_map *map)
{
    const struct address_range **open = calloc(map->range_count + 1, sizeof(*open));
    int error = -ENOMEM;

    /* Each range opens one segment and closes at most one. */
    map->segments = calloc(2 * map->range_count + 1, sizeof(*map->segments));
    if (open && map->segments) {
        if (map->range_count)
            qsort(map->ranges, map->range_count, sizeof(*map->ranges), range_compare);
        ranges_sweep(map, open);
        error = 0;
    }
    free(open);
    free(map->ranges);
    map->ranges = NULL;
    map->range_count = map->range_room = 0;
    return error;
}

uint32_t address_map_find(const struct address_map *map, uint64_t address)
{
    size_t low = 0;
    size_t high = map->segment_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->segments[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? map->segments[low - 1].value : ADDRESS_MAP_NONE;
}

void address_map_clear(struct address_map *map)
{
    free(map->ranges);
    free(map->segments);
    *map = (struct address_map){0};
}
