/* SPDX-License-Identifier: MIT */
/*
 * The modules that stacks point into, by identity and not by address.
 *
 * A module is entered when the first pc in it is met (the unwinder compiles a
 * rule for that pc, finds its module by _dl_find_object, and asks here for the
 * id). Path and build-id are kept for ever, so that a leak from a plugin that
 * was unloaded still has a name, also when another module now sits at its
 * address (hazards.md E12). The same file loaded again at the same place is
 * the same module. Lock-free; bounded by MODULE_MAX, counted beyond.
 */
#ifndef FACTS_MODULE_H
#define FACTS_MODULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/facts/unwind_eh.h"

#define MODULE_MAX 4096u /* ids 1 .. MODULE_MAX - 1; must fit CTT_PC_MODULE */

struct module {
    uint32_t flags; /* enum ctt_module_flags, without UNLOADED */
    uint32_t loaded_generation;
    _Atomic uint32_t unloaded_generation; /* 0: still loaded */
    uintptr_t start, end, bias;
    const char *path;
    char build_id[41]; /* lower-case hex, "" when there is none */
    /* For the unwinder, while it is loaded: */
    struct eh_view eh;
    const void *headers; /* ElfW(Phdr)[header_count] */
    size_t header_count;
    _Atomic(const void *) link_map; /* the loader's; compared, never followed */
};

/* The id of the module that `pc` lies in now, or 0. */
uint32_t module_at(uintptr_t pc);

/* NULL when the id is none. Valid for ever. */
const struct module *module_get(uint32_t id);
/* Ids are 1 .. module_limit() - 1. */
uint32_t module_limit(void);

/* All that are known, into a state file that has just been begun. */
void modules_mirror(void);

/* Whether [pc, pc + bytes) is code of this module that can be read. Only for a
 * module that is loaded. */
bool module_is_code(const struct module *module, uintptr_t pc, size_t bytes);

/* How many dlclose calls there were, in the upper half, and how many are at
 * work now, in the lower one. What was learned about modules in an epoch
 * without a dlclose at work holds as long as the epoch is the same. */
extern _Atomic uint64_t module_epoch;

static inline uint64_t module_epoch_now(void)
{
    return atomic_load_explicit(&module_epoch, memory_order_acquire);
}

static inline uint32_t module_generation(void)
{
    return (uint32_t)(module_epoch_now() >> 32);
}

/* To be called around a dlclose. Between the two nothing learned about a
 * module is trusted or kept; after it, every module that is no longer where it
 * was is marked unloaded, and all recipes compiled for it are void. */
void module_closing(void);
void module_closed(void);

/* Whether any thread is between the two. */
static inline bool module_closings(void)
{
    return (uint32_t)module_epoch_now() != 0;
}

/* Nonzero: unloaded. Indexed by id; apart from the modules themselves, since
 * each step of each walk reads it. */
extern _Atomic uint8_t module_gone[MODULE_MAX];

#endif
