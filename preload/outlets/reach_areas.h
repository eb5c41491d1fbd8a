/* SPDX-License-Identifier: MIT */
/*
 * What of the address space may hold pointers: everything that can be read and was or is
 * writable, but for what is known to be something else. Whoever knows better takes its
 * part out first (stacks, our own memory, the data of modules, which are read apart); of
 * the rest, memory in which malloc's blocks lie is malloc's, and all other is a root.
 *
 * LeakSanitizer takes no mapping for a root. We do: a program with an allocator or a
 * stack of its own in mapped memory keeps pointers there.
 */
#ifndef OUTLETS_REACH_AREAS_H
#define OUTLETS_REACH_AREAS_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/ground/maps.h"

enum area_flags { /* beside enum maps_flags */
                  AREA_FILE = 1 << 8,
                  AREA_DEVICE = 1 << 9, /* reading may do something */
                  AREA_STACK = 1 << 10, /* of the first thread */
                  AREA_KERNEL = 1 << 11,
                  AREA_MEMORY = 1 << 12, /* of no file that anybody else may have filled */
};

struct area {
    uintptr_t start, end;
    uint32_t flags;
};

struct areas {
    struct area *rows; /* in the order of their addresses */
    uint32_t count;
    bool has_rings; /* shared with the kernel: io_uring, aio */
    bool in_motion; /* the book of mappings was being changed: areas_rest may miss some */
    bool is_full;   /* a table was: what is taken may not be */
};
extern struct areas areas;

/* In the living process, and in the copy before all else: how much of it is private and can be
 * written. What a copy has less of was kept from it (MADV_DONTFORK). */
uint64_t areas_private(void);

/* Reads the copy's own list. False: it cannot be read, or is too long. */
bool areas_read(void);
/* The row that an address lies in, or NULL. */
const struct area *area_at(uintptr_t address);
/* Whether every byte can be read. */
bool areas_readable(uintptr_t start, uintptr_t end);
/* Calls `each` for what of [start, end) is mapped and can be read. */
void areas_within(uintptr_t start, uintptr_t end,
                  void (*each)(uintptr_t start, uintptr_t end, const struct area *area));

/* Whether any of it was mapped by the program itself. */
bool areas_has_range(uintptr_t start, uintptr_t end);

/* Is no root, or is read by whoever says this. */
void areas_take(uintptr_t start, uintptr_t end);
/* Calls `each` for all that nobody has taken and no block lies in. */
void areas_rest(void (*each)(uintptr_t start, uintptr_t end, const struct area *area));

#endif
