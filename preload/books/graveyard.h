/* SPDX-License-Identifier: MIT */
/*
 * Blocks that were freed lately, and where (frees=1): the first half of a double free.
 *
 * A fixed table by address; whoever comes to the same place takes it. It costs a stack
 * for each free, hence an option. A block that is acquired again leaves it, also one that
 * is not recorded, or the next free() of it would be taken for the second.
 */
#ifndef BOOKS_GRAVEYARD_H
#define BOOKS_GRAVEYARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct grave {
    uint64_t address;
    uint32_t acquired_stack, released_stack, released_task;
};

extern _Atomic bool graves_kept;

static inline bool graves_are_kept(void)
{
    return __builtin_expect(atomic_load_explicit(&graves_kept, memory_order_relaxed), 0);
}

/* At the program's start. Without memory for it there is none, counted. */
void graves_begin(void);
void grave_dig(const struct grave *grave);
/* The address is somebody's again. */
void grave_fill(uint64_t address);
bool grave_find(uint64_t address, struct grave *ret);

#endif
