/* SPDX-License-Identifier: MIT */
#include "preload/facts/context.h"

#include <stddef.h>

#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/mirror.h"
#include "preload/ground/slotlist.h"
#include "preload/ground/sys.h"

#define CHUNK_BITS 12u
#define CHUNK      (1u << CHUNK_BITS)
#define CHUNKS     (CONTEXT_SLOTS / CHUNK)
#define NO_SLOT    SLOTLIST_NONE
#define USES_MASK  (UINT32_MAX >> CONTEXT_SLOT_BITS)

static _Atomic(struct context *) chunks[CHUNKS];
static _Atomic uint32_t slots = CONTEXT_PROCESS + 1;
static struct slotlist free_slots;
static _Atomic uint64_t asked, ends;
_Atomic bool contexts_declared;

/* A reader may be copying these fields while the slot is filled anew: its copy
 * is torn then, and thrown away because the id has changed (holding.c does the
 * same). */
#define GET(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

/* ---- slots ---- */

/* The chunk, made on first use; a loser of the race wastes its copy. */
static struct context *chunk_make(uint32_t index)
{
    struct context *chunk = atomic_load_explicit(&chunks[index], memory_order_acquire);
    if (chunk)
        return chunk;
    struct context *fresh = arena_map(CHUNK * sizeof *fresh);
    if (fresh && atomic_compare_exchange_strong(&chunks[index], &chunk, fresh))
        return fresh;
    return chunk;
}

struct context *context_slot(uint32_t slot)
{
    struct context *chunk = atomic_load_explicit(&chunks[slot >> CHUNK_BITS], memory_order_acquire);
    return chunk && slot != NO_SLOT ? &chunk[slot & (CHUNK - 1)] : NULL;
}

uint32_t context_slots(void)
{
    return atomic_load_explicit(&slots, memory_order_acquire);
}

bool context_none_free(void)
{
    return slotlist_is_empty(&free_slots);
}

static _Atomic uint32_t *next_of(uint32_t slot)
{
    return &context_slot(slot)->next_free;
}

/* Of two steps the first takes the context from everybody's sight and the
 * second makes the slot one for somebody else: a fork or an end of the process
 * in between loses one slot. */
void context_reclaim(struct context *context)
{
    uint32_t slot = CONTEXT_SLOT(atomic_exchange(&context->id, CONTEXT_NONE));
    if (mirror_is_on())
        mirror_clear(STATE_CONTEXT, slot);
    slotlist_push(&free_slots, next_of, slot);
    HEALTH(contexts_reclaimed);
}

static uint32_t slot_fresh(void)
{
    uint32_t slot = atomic_load_explicit(&slots, memory_order_relaxed);
    do {
        if (slot >= CONTEXT_SLOTS || !chunk_make(slot >> CHUNK_BITS))
            return NO_SLOT;
    } while (!atomic_compare_exchange_weak(&slots, &slot, slot + 1));
    return slot;
}

/* ---- in the state file: as holding.c has it ---- */

#define MIRROR_TRIES 64

static void row_write(uint32_t slot, const struct context_copy *copy)
{
    struct state_context *row = mirror_open(STATE_CONTEXT, slot);
    if (!row)
        return;
    MIRROR_SET(row, parent, copy->parent);
    MIRROR_SET(row, kind, copy->kind);
    MIRROR_SET(row, state, copy->state);
    MIRROR_SET(row, flags, copy->flags);
    MIRROR_SET(row, created_stack, copy->created_stack);
    MIRROR_SET(row, ended_stack, copy->ended_stack);
    MIRROR_SET(row, created_ns, copy->created_ns);
    MIRROR_SET(row, ended_ns, copy->ended_ns);
    mirror_text(row->name, sizeof row->name, copy->name);
    mirror_close(row, copy->id);
}

static void mirror_now(uint32_t slot)
{
    const struct context *c = context_slot(slot);
    for (int tries = 0; tries < MIRROR_TRIES; tries++) {
        struct context_copy copy = {.id = CONTEXT_NONE};
        atomic_thread_fence(memory_order_seq_cst);
        if (context_read(atomic_load(&c->id), &copy)) {
            row_write(slot, &copy);
        } else {
            copy.id = CONTEXT_NONE;
            mirror_clear(STATE_CONTEXT, slot);
        }
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&c->id) == copy.id && (!copy.id || atomic_load(&c->state) == copy.state))
            return;
    }
}

static void mirror(uint32_t slot)
{
    if (mirror_is_on())
        mirror_now(slot);
}

void contexts_mirror(void)
{
    uint32_t count = context_slots();
    for (uint32_t slot = CONTEXT_PROCESS; slot < count; slot++)
        if (context_slot(slot) && atomic_load(&context_slot(slot)->id))
            mirror(slot);
}

/* ---- contexts ---- */

struct context *context_get(uint32_t id)
{
    struct context *c = context_slot(CONTEXT_SLOT(id));
    return c && atomic_load_explicit(&c->id, memory_order_acquire) == id ? c : NULL;
}

/* `id` is published last. Whoever reads a field of the new context also sees
 * that the old id has gone: hence the fence. */
static void context_fill(struct context *c, uint32_t id, const struct context_copy *from)
{
    atomic_thread_fence(memory_order_release);
    SET(c->parent, from->parent);
    SET(c->task, self.task);
    atomic_store_explicit(&c->handle, 0, memory_order_relaxed);
    SET(c->created_stack, from->created_stack);
    SET(c->ended_stack, 0);
    SET(c->kind, from->kind);
    SET(c->created_ns, clock_since_ns());
    SET(c->end_number, 0);
    SET(c->name, from->name);
    SET(c->idle, 0);
    atomic_store_explicit(&c->flags, 0, memory_order_relaxed);
    atomic_store_explicit(&c->state, CTT_STATE_ACTIVE, memory_order_relaxed);
    atomic_store_explicit(&c->ended_ns, CTT_NEVER, memory_order_relaxed);
    atomic_store_explicit(&c->kept, 1, memory_order_relaxed);
    atomic_store_explicit(&c->id, id, memory_order_release);
    mirror(CONTEXT_SLOT(id));
}

void context_begin(void)
{
    struct context_copy process = {.kind = CTT_CONTEXT_PROCESS, .parent = CONTEXT_NONE};
    if (chunk_make(CONTEXT_PROCESS >> CHUNK_BITS))
        context_fill(context_slot(CONTEXT_PROCESS), CONTEXT_PROCESS, &process);
}

uint32_t context_new(enum ctt_context_kind kind, uint32_t parent, uint32_t stack, const char *name)
{
    atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed);
    uint32_t slot = slotlist_pop(&free_slots, next_of);
    if (slot == NO_SLOT)
        slot = slot_fresh();
    if (slot == NO_SLOT) {
        HEALTH(contexts_dropped);
        return CONTEXT_NONE;
    }
    HEALTH(contexts_made);
    if (kind == CTT_CONTEXT_CTX)
        atomic_store_explicit(&contexts_declared, true, memory_order_relaxed);
    struct context *c = context_slot(slot);
    struct context_copy from = {
        .parent = parent, .created_stack = stack, .kind = (uint8_t)kind, .name = name};
    uint32_t id = (c->uses++ & USES_MASK) << CONTEXT_SLOT_BITS | slot;
    context_fill(c, id, &from);
    return id;
}

void context_end(uint32_t id, enum ctt_context_state state, uint32_t stack)
{
    struct context *c = context_get(id);
    if (!c)
        return;
    uint64_t never = CTT_NEVER;
    if (!atomic_compare_exchange_strong(&c->ended_ns, &never, clock_since_ns()))
        return;
    SET(c->ended_stack, stack);
    SET(c->end_number, atomic_fetch_add(&ends, 1) + 1);
    atomic_store_explicit(&c->state, (uint8_t)state, memory_order_release);
    mirror(CONTEXT_SLOT(id));
    HEALTH(contexts_ended);
}

void context_set_flags(uint32_t id, uint8_t flags)
{
    struct context *c = context_get(id);
    if (!c)
        return;
    atomic_fetch_or(&c->flags, flags);
    mirror(CONTEXT_SLOT(id));
}

void context_drop(uint32_t id)
{
    struct context *c = context_get(id);
    if (c && id != CONTEXT_PROCESS)
        atomic_store_explicit(&c->kept, 0, memory_order_release);
}

bool context_read(uint32_t id, struct context_copy *ret_copy)
{
    struct context *c = id ? context_get(id) : NULL;
    if (!c)
        return false;
    struct context_copy copy = {
        .id = id,
        .parent = GET(c->parent),
        .task = GET(c->task),
        .created_stack = GET(c->created_stack),
        .kind = GET(c->kind),
        .flags = atomic_load_explicit(&c->flags, memory_order_relaxed),
        .state = atomic_load_explicit(&c->state, memory_order_acquire),
        .created_ns = GET(c->created_ns),
        .ended_ns = CTT_NEVER,
        .name = GET(c->name),
    };
    if (copy.state != CTT_STATE_ACTIVE) {
        copy.ended_ns = atomic_load_explicit(&c->ended_ns, memory_order_relaxed);
        copy.ended_stack = GET(c->ended_stack);
        copy.end_number = GET(c->end_number);
    }
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&c->id, memory_order_relaxed) != id)
        return false;
    *ret_copy = copy;
    return true;
}

uint64_t context_asked(void)
{
    return atomic_load_explicit(&asked, memory_order_relaxed);
}

uint64_t context_ends(void)
{
    return atomic_load(&ends);
}

void context_forked(void)
{
    atomic_store(&health_counts[HEALTH_contexts_made], 0);
    atomic_store(&health_counts[HEALTH_contexts_ended], 0);
    atomic_store(&health_counts[HEALTH_contexts_reclaimed], 0);
}
