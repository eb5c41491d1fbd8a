/* SPDX-License-Identifier: MIT */
/*
 * Mappings, one by one, beside what the kernel has at their addresses: the name of a
 * mapped file, and whether there is anything at all. What the kernel has and no hook
 * saw is libc's, the loader's or a stack, and is not told.
 */
#include "preload/books/ranges.h"
#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/maps.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_holdings.h"

/* How far the kernel's own list has been read. */
struct place {
    struct maps maps;
    struct maps_area area;
};

/* Moves on to the first area that ends behind the range's start. False: nothing of
 * the range is mapped. */
static bool area_find(struct place *place, const struct holding_copy *range)
{
    while (place->area.end && place->area.end <= range->handle)
        maps_next(&place->maps, &place->area);
    return place->area.end && place->area.start < range->handle + range->bytes;
}

static void tell_mapping(struct dump *dump, struct place *place, const struct holding_copy *range)
{
    struct ctt_holding record;
    dump_fill_holding(dump, range, &record);
    record.owner = 0; /* of a segment's attachment: our own bookkeeping */
    if (place->maps.fd >= 0 && !area_find(place, range))
        record.flags |= CTT_HOLDING_GONE;
    else if (place->maps.fd >= 0 && place->area.is_file && range->detail != DETAIL_ANONYMOUS)
        record.name = dump_string(dump, place->area.name);
    dump_record(dump, CTT_HOLDING, &record, sizeof record);
}

static void tell_all(struct dump *dump, const struct holding_copy *ranges, uint32_t count)
{
    struct place place;
    uint64_t listed = 0;
    maps_open(&place.maps, "/proc/thread-self/maps");
    maps_next(&place.maps, &place.area);
    for (uint32_t i = 0; i < count; i++) {
        if (ranges[i].acquired_ns > dump->taken_ns)
            continue;
        dump_count_live(dump, ranges[i].stack, 1);
        if (listed++ >= (uint64_t)config.max_listed)
            HEALTH(listing_cut);
        else
            tell_mapping(dump, &place, &ranges[i]);
    }
    maps_close(&place.maps);
}

void dump_mappings(struct dump *dump)
{
    const size_t bytes = RANGE_MAX * sizeof(struct holding_copy);
    struct holding_copy *ranges = sys_map(bytes);
    uint32_t count = 0;
    if (!ranges) {
        HEALTH(listing_cut);
        return;
    }
    if (!range_list(ranges, RANGE_MAX, &count))
        HEALTH(ranges_in_motion);
    tell_all(dump, ranges, count);
    sys_unmap(ranges, bytes);
}
