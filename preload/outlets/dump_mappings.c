/* SPDX-License-Identifier: MIT */
/*
 * Mappings, one by one, beside what the kernel has at their addresses: the name of a
 * mapped file, and whether there is anything at all. What the kernel has and no hook
 * saw is libc's, the loader's or a stack, and is not told.
 */
#include <fcntl.h>
#include <string.h>

#include "preload/books/ranges.h"
#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_holdings.h"

#define PART_BYTES 8192u

/* A line of /proc/self/maps. */
struct area {
    uintptr_t start, end; /* end 0: there is none */
    const char *path;     /* NULL: no file */
};

struct maps {
    int fd;
    size_t used, at;
    struct area area;
};

static char part[PART_BYTES + 1];

static bool line_read(struct maps *maps, char **ret_line)
{
    for (;;) {
        char *line = part + maps->at;
        char *end = line;
        while (end < part + maps->used && *end != '\n')
            end++;
        if (end < part + maps->used) {
            *end = '\0';
            maps->at = (size_t)(end + 1 - part);
            *ret_line = line;
            return true;
        }
        memmove(part, line, maps->used - maps->at);
        maps->used -= maps->at;
        maps->at = 0;
        ssize_t n =
            maps->fd < 0 ? 0 : sys_read(maps->fd, part + maps->used, PART_BYTES - maps->used);
        if (n <= 0)
            return false;
        maps->used += (size_t)n;
    }
}

/* "7f00-7f10 rw-p 00000000 08:01 4711    /path": a path has an inode. */
static void area_next(struct maps *maps)
{
    char *line;
    maps->area = (struct area){0, 0, NULL};
    if (!line_read(maps, &line))
        return;
    const char *at = line;
    maps->area.start = text_read_hex(&at);
    at += *at == '-';
    maps->area.end = text_read_hex(&at);
    const char *path = strchr(at, '/');
    maps->area.path = path && path[-1] == ' ' ? path : NULL;
}

/* Moves on to the first area that ends behind the range's start. False: nothing of
 * the range is mapped. */
static bool area_find(struct maps *maps, const struct holding_copy *range)
{
    while (maps->area.end && maps->area.end <= range->handle)
        area_next(maps);
    return maps->area.end && maps->area.start < range->handle + range->bytes;
}

static void tell_mapping(struct dump *dump, struct maps *maps, const struct holding_copy *range)
{
    struct ctt_holding record;
    dump_fill_holding(dump, range, &record);
    record.owner = 0; /* of a segment's attachment: our own bookkeeping */
    if (maps->fd >= 0 && !area_find(maps, range))
        record.flags |= CTT_HOLDING_GONE;
    else if (maps->fd >= 0 && maps->area.path && range->detail != DETAIL_ANONYMOUS)
        record.name = dump_string(dump, maps->area.path);
    dump_record(dump, CTT_HOLDING, &record, sizeof record);
}

static void tell_all(struct dump *dump, const struct holding_copy *ranges, uint32_t count)
{
    struct maps maps = {.fd = sys_open("/proc/thread-self/maps", O_RDONLY, 0)};
    uint64_t listed = 0;
    area_next(&maps);
    for (uint32_t i = 0; i < count; i++) {
        if (ranges[i].acquired_ns > dump->taken_ns)
            continue;
        dump_count_live(dump, ranges[i].stack, 1);
        if (listed++ >= (uint64_t)config.max_listed)
            HEALTH(listing_cut);
        else
            tell_mapping(dump, &maps, &ranges[i]);
    }
    if (maps.fd >= 0)
        sys_close(maps.fd);
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
