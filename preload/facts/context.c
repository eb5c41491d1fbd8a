/* SPDX-License-Identifier: MIT */
#include "preload/facts/context.h"

#include <stddef.h>

#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define CHUNK_BITS 12u
#define CHUNK      (1u << CHUNK_BITS)
#define CHUNKS     512u /* two million contexts */

static _Atomic(struct context *) chunks[CHUNKS];
static _Atomic uint32_t limit = CONTEXT_PROCESS + 1;

/* The chunk, made on first use; a loser of the race wastes its copy. */
static struct context *chunk_get(uint32_t index)
{
    struct context *chunk = atomic_load_explicit(&chunks[index], memory_order_acquire);
    if (chunk)
        return chunk;
    struct context *fresh = arena_map(CHUNK * sizeof *fresh);
    if (!fresh)
        return NULL;
    if (atomic_compare_exchange_strong(&chunks[index], &chunk, fresh))
        return fresh;
    return chunk;
}

static struct context *slot_of(uint32_t id, struct context *(*find)(uint32_t))
{
    if (id == CONTEXT_NONE || id >= CHUNK * CHUNKS)
        return NULL;
    struct context *chunk = find(id >> CHUNK_BITS);
    return chunk ? &chunk[id & (CHUNK - 1)] : NULL;
}

static struct context *chunk_peek(uint32_t index)
{
    return atomic_load_explicit(&chunks[index], memory_order_acquire);
}

struct context *context_get(uint32_t id)
{
    struct context *c = slot_of(id, chunk_peek);
    return c && atomic_load_explicit(&c->ready, memory_order_acquire) ? c : NULL;
}

uint32_t context_limit(void)
{
    uint32_t n = atomic_load_explicit(&limit, memory_order_acquire);
    return n < CHUNK * CHUNKS ? n : CHUNK * CHUNKS;
}

static void context_fill(struct context *c, enum ctt_context_kind kind, uint32_t parent,
                         uint32_t stack, const char *name)
{
    c->parent = parent;
    c->created_stack = stack;
    c->kind = (uint8_t)kind;
    c->created_ns = clock_since_ns();
    c->name = name;
    atomic_store_explicit(&c->ended_ns, CTT_NEVER, memory_order_relaxed);
    atomic_store_explicit(&c->ready, 1, memory_order_release);
}

void context_begin(void)
{
    struct context *c = slot_of(CONTEXT_PROCESS, chunk_get);
    if (c)
        context_fill(c, CTT_CONTEXT_PROCESS, CONTEXT_NONE, 0, NULL);
}

uint32_t context_new(enum ctt_context_kind kind, uint32_t parent, uint32_t stack, const char *name)
{
    uint32_t id = atomic_load_explicit(&limit, memory_order_relaxed);
    do {
        if (id >= CHUNK * CHUNKS) {
            HEALTH(contexts_dropped);
            return parent;
        }
    } while (!atomic_compare_exchange_weak(&limit, &id, id + 1));
    struct context *c = slot_of(id, chunk_get);
    if (!c) {
        HEALTH(contexts_dropped);
        return parent;
    }
    context_fill(c, kind, parent, stack, name);
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
    c->ended_stack = stack;
    atomic_store_explicit(&c->state, (uint8_t)state, memory_order_release);
}
