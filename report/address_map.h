/* SPDX-License-Identifier: MIT */
/*
 * Which of many address ranges is the innermost one around an address.
 *
 * Ranges are added in any order, may nest and may overlap; freezing flattens
 * them once into disjoint segments, so that a look-up is one binary search.
 * The range that starts last wins, and of those with one start the shortest.
 * Symbols, compilation units and inlined scopes all use this one table.
 */
#ifndef REPORT_ADDRESS_MAP_H
#define REPORT_ADDRESS_MAP_H

#include <stddef.h>
#include <stdint.h>

#define ADDRESS_MAP_NONE UINT32_MAX

struct address_range {
    uint64_t low;
    uint64_t high; /* exclusive */
    uint32_t value;
    uint32_t order; /* of adding: for equal ranges the later one is the inner */
};

struct address_segment {
    uint64_t start; /* the segment ends where the next one starts */
    uint32_t value; /* ADDRESS_MAP_NONE for a gap */
};

/* Zero-initialise. */
struct address_map {
    struct address_range *ranges;
    size_t range_count;
    size_t range_room;
    struct address_segment *segments;
    size_t segment_count;
};

/* Empty and inverted ranges are ignored. Returns 0 or -ENOMEM. */
int address_map_add(struct address_map *map, uint64_t low, uint64_t high, uint32_t value);

/* Ends the adding; gives the unneeded memory back. Returns 0 or -ENOMEM (the
 * map is then empty). */
int address_map_freeze(struct address_map *map);

/* ADDRESS_MAP_NONE when no range covers `address`. */
uint32_t address_map_find(const struct address_map *map, uint64_t address);

void address_map_clear(struct address_map *map);

#endif
