/* SPDX-License-Identifier: MIT */
/*
 * The modules that stacks point into, by identity and not by address.
 *
 * A module is entered when the first pc in it is met (the unwinder compiles a
 * rule for that pc, finds its module by _dl_find_object, and asks here for the
 * id). Path and build-id are kept for ever, so that a leak from a plugin that
 * was unloaded still has a name, also when another module now sits at its
 * address (hazards.md E12). Lock-free; bounded by MODULE_MAX, counted beyond.
 */
#ifndef FACTS_MODULE_H
#define FACTS_MODULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MODULE_MAX 4096u /* ids 1 .. MODULE_MAX - 1; must fit CTT_PC_MODULE */

struct module {
    uint32_t flags; /* enum ctt_module_flags, without UNLOADED */
    uint32_t loaded_generation;
    _Atomic uint32_t unloaded_generation;
    uintptr_t start, end, bias;
    const void *eh_frame_hdr; /* PT_GNU_EH_FRAME, or NULL */
    const char *path;
    char build_id[41]; /* lower-case hex, "" when there is none */
    _Atomic bool ready;
};

/* The id of the module that `pc` lies in now, or 0. */
uint32_t module_at(uintptr_t pc);

/* NULL when the id is none or not ready. Valid for ever. */
const struct module *module_get(uint32_t id);
uint32_t module_limit(void);

/* How many dlclose calls there were: 0 at start. */
uint32_t module_generation(void);

/* To be called around a dlclose: before it the generation moves on; after it
 * every module that is no longer where it was is marked unloaded. */
void module_closing(void);
void module_closed(void);

#endif
