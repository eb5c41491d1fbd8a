/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_contexts.h"

#include <stddef.h>

#include "preload/facts/context.h"
#include "preload/facts/holding.h"
#include "preload/ground/arena.h"
#include "preload/ground/sys.h"
#include "preload/outlets/reach_index.h"
#include "preload/outlets/reach_mark.h"
#include "preload/outlets/verdict.h"

#define HASH 2654435761u

/* Shared with the copy: a byte for each slot. NULL: nothing is judged. */
static uint8_t *lost;
static uint32_t slots;

/* In the copy: by handle, open addressing. */
static struct watched {
    uintptr_t handle; /* 0: free */
    uint32_t slot;
} * table;
static uint32_t mask;
static uint8_t *seen;

void contexts_prepare(void)
{
    lost = NULL;
    if (!atomic_load(&contexts_declared))
        return;
    slots = context_slots();
    lost = sys_map_shared(slots);
}

void contexts_forget(void)
{
    if (lost)
        sys_unmap(lost, slots);
    lost = NULL;
}

/* ---- in the copy ---- */

static struct watched *place_of(uintptr_t handle)
{
    uint32_t i = (uint32_t)(handle ^ handle >> 8) * HASH & mask;
    while (table[i].handle && table[i].handle != handle)
        i = (i + 1) & mask;
    return &table[i];
}

static uintptr_t handle_of(uint32_t slot)
{
    struct context *context = context_slot(slot);
    return context && atomic_load(&context->id) ? (uintptr_t)atomic_load(&context->handle) : 0;
}

/* Where libctx's memory is not in the ledger its handles would not be met: none is lost then. */
static void watch(uint32_t slot)
{
    uintptr_t handle = handle_of(slot);
    uint32_t item = handle ? index_find(handle) : INDEX_NONE;
    if (item == INDEX_NONE) {
        seen[slot] = 1;
        return;
    }
    reach_index.items[item].marks |= MARK_POOL;
    *place_of(handle) = (struct watched){handle, slot};
}

void contexts_watch(void)
{
    uint32_t size = 64;
    if (!lost)
        return;
    while (size < slots * 2)
        size *= 2;
    seen = arena_map(slots);
    table = arena_map(size * sizeof *table);
    mask = size - 1;
    for (uint32_t slot = 1; seen && table && slot < slots; slot++)
        watch(slot);
}

void contexts_meet(uintptr_t word)
{
    const struct watched *found = place_of(word);
    if (found->handle)
        seen[found->slot] = 1;
}

/* Whoever has one may ask for its parent, and end that. */
static void see_parents(uint32_t slot)
{
    struct context_copy copy;
    const struct context *context = context_slot(slot);
    uint32_t id = context ? atomic_load(&context->id) : CONTEXT_NONE;
    while (context_read(id, &copy) && copy.parent != CONTEXT_NONE) {
        id = copy.parent;
        uint32_t above = CONTEXT_SLOT(id);
        if (above >= slots || seen[above] == 2)
            return;
        seen[above] = 2;
    }
}

/* Not released. What its parent made, a fork's child has not lost: threads that have the
 * handle are not here. */
static bool may_be_lost(uint32_t slot)
{
    struct context_copy copy;
    const struct context *context = context_slot(slot);
    if (!handle_of(slot) || !atomic_load(&context->kept) ||
        !context_read(atomic_load(&context->id), &copy))
        return false;
    return !(atomic_load(&is_fork_child) && copy.created_ns <= atomic_load(&inherited_before_ns));
}

void contexts_judge(void)
{
    if (!lost || !seen || !table)
        return;
    for (uint32_t slot = 1; slot < slots; slot++)
        if (seen[slot])
            see_parents(slot);
    for (uint32_t slot = 1; slot < slots; slot++)
        lost[slot] = !seen[slot] && may_be_lost(slot);
}

/* ---- afterwards ---- */

bool context_is_lost(uint32_t id)
{
    uint32_t slot = CONTEXT_SLOT(id);
    return lost && slot < slots && lost[slot];
}

bool contexts_any_lost(void)
{
    for (uint32_t slot = 1; lost && slot < slots; slot++) {
        const struct context *context = lost[slot] ? context_slot(slot) : NULL;
        if (context && verdict_is_of_project(context->created_stack))
            return true;
    }
    return false;
}
