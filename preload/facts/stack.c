/* SPDX-License-Identifier: MIT */
/*
 * The tree of stacks: nodes in chunks that never move, heads of hash chains by
 * (parent, pc). A node is filled, then pushed by CAS; when another thread was
 * first, only the new beginning of the chain is searched again. Lookup and
 * insertion need no lock, and an insertion cut short loses one node.
 */
#include "preload/facts/stack.h"

#include "preload/facts/module.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/mirror.h"

#define HEAD_BITS   18u
#define CHUNK_BITS  16u
#define CHUNK_NODES (1u << CHUNK_BITS)
#define CHUNKS      64u
#define NODE_MAX    (CHUNKS * CHUNK_NODES)

#define ROOT_FIRST  (STACK_OVERFLOW + 1)
#define ROOT_OF(c)  (ROOT_FIRST + (uint32_t)(c))
#define NODE_FIRST  ROOT_OF(CTT_CUT_COUNT)
#define MODULE_MASK (UINT64_C(0x7fff) << 48)

/* Two to a cache line. Most nodes have one child, made right after them: then
 * one line holds the last frame, the function that acquired, and its count. */
struct node {
    uint64_t pc;
    _Atomic uint32_t parent; /* 0: not filled yet */
    _Atomic uint32_t next;   /* in its hash chain; NODE_GIVEN: it is in one */
    struct stack_tally tally;
};
_Static_assert(sizeof(struct node) == 32, "two to a cache line");

#define NODE_GIVEN      (UINT32_C(1) << 31)
#define NODE_NEXT(node) (atomic_load_explicit(&(node)->next, memory_order_relaxed) & ~NODE_GIVEN)

struct chunk {
    struct node nodes[CHUNK_NODES];
    struct stack_note notes[CHUNK_NODES];
};

static _Atomic(struct chunk *) chunks[CHUNKS];
static _Atomic uint32_t heads[1u << HEAD_BITS];
static _Atomic uint32_t node_next = NODE_FIRST;

static struct chunk *chunk_of(uint32_t id)
{
    return atomic_load_explicit(&chunks[id >> CHUNK_BITS], memory_order_acquire);
}

/* Only for an id whose chunk is there. */
static struct node *node_of(uint32_t id)
{
    return &chunk_of(id)->nodes[id & (CHUNK_NODES - 1)];
}

static struct chunk *chunk_make(uint32_t id)
{
    struct chunk *chunk = chunk_of(id);
    if (chunk)
        return chunk;
    struct chunk *fresh = arena_map(sizeof *fresh);
    /* The loser's mapping stays a spare that nobody touches. */
    if (fresh && atomic_compare_exchange_strong(&chunks[id >> CHUNK_BITS], &chunk, fresh))
        return fresh;
    return chunk;
}

uint32_t stack_limit(void)
{
    return atomic_load_explicit(&node_next, memory_order_acquire);
}

/* A fresh node's id, or 0 when the table or its memory is at an end. */
static uint32_t node_take(void)
{
    uint32_t id = atomic_load_explicit(&node_next, memory_order_relaxed);
    do {
        if (id >= NODE_MAX || !chunk_make(id))
            return 0;
    } while (!atomic_compare_exchange_weak(&node_next, &id, id + 1));
    return id;
}

static _Atomic uint32_t *head_of(uint32_t parent, uint64_t pc)
{
    uint64_t hash = (pc & ~MODULE_MASK) ^ ((uint64_t)parent << 20);
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return &heads[hash >> (64 - HEAD_BITS)];
}

/* In the chain from `id` up to, not including, `end`. Bits outside `mask` are
 * not compared. */
static uint32_t chain_find(uint32_t id, uint32_t end, uint32_t parent, uint64_t pc, uint64_t mask)
{
    while (id != end) {
        const struct node *node = node_of(id);
        if (((node->pc ^ pc) & mask) == 0 &&
            atomic_load_explicit(&node->parent, memory_order_relaxed) == parent)
            return id;
        id = NODE_NEXT(node);
    }
    return 0;
}

static __attribute__((noinline, cold)) void node_mirror(uint32_t id)
{
    const struct node *node = node_of(id);
    uint32_t parent = atomic_load_explicit(&node->parent, memory_order_acquire);
    struct state_node *row = parent ? mirror_open(STATE_NODE, id) : NULL;
    if (!row)
        return;
    MIRROR_SET(row, parent, parent);
    MIRROR_SET(row, pc, node->pc);
    mirror_close(row, 1);
}

static uint32_t node_push(_Atomic uint32_t *head, uint32_t seen, uint32_t parent, uint64_t pc,
                          uint64_t mask)
{
    uint32_t id = node_take();
    if (!id)
        return STACK_OVERFLOW;
    struct node *node = node_of(id);
    node->pc = pc;
    atomic_store_explicit(&node->parent, parent, memory_order_release);
    if (mirror_is_on())
        node_mirror(id);
    for (;;) {
        atomic_store_explicit(&node->next, seen, memory_order_relaxed);
        uint32_t now = seen;
        if (atomic_compare_exchange_strong(head, &now, id)) {
            atomic_store_explicit(&node->next, seen | NODE_GIVEN, memory_order_release);
            return id;
        }
        uint32_t found = chain_find(now, seen, parent, pc, mask);
        if (found) /* ours stays, a second name that nobody will be given */
            return found;
        seen = now;
    }
}

/* A node's first child is mostly the node made right after it: measured, it is
 * the one wanted in 70 to 85 of 100 cases, and the look-up in the table, which
 * misses the cache twice, is saved. Only nodes that were given out count. */
static inline uint32_t first_child(uint32_t parent, uint64_t pc, uint64_t mask)
{
    uint32_t id = parent + 1;
    struct chunk *chunk = chunk_of(id);
    if (!chunk)
        return 0;
    const struct node *node = &chunk->nodes[id & (CHUNK_NODES - 1)];
    bool given = atomic_load_explicit(&node->next, memory_order_acquire) & NODE_GIVEN;
    return given && ((node->pc ^ pc) & mask) == 0 &&
                   atomic_load_explicit(&node->parent, memory_order_relaxed) == parent
               ? id
               : 0;
}

uint32_t stack_root(enum ctt_cut cut)
{
    return ROOT_OF(cut);
}

static inline uint32_t node_step(uint32_t parent, uint64_t pc)
{
    if (parent == STACK_OVERFLOW)
        return parent;
    uint32_t child = first_child(parent, pc, UINT64_MAX);
    if (child)
        return child;
    _Atomic uint32_t *head = head_of(parent, pc);
    uint32_t seen = atomic_load_explicit(head, memory_order_acquire);
    uint32_t found = chain_find(seen, 0, parent, pc, UINT64_MAX);
    return found ? found : node_push(head, seen, parent, pc, UINT64_MAX);
}

/* The innermost node. Its module is looked up only when the node is new: the
 * functions that acquire are few and stay where they are. */
static inline uint32_t leaf_step(uint32_t parent, const void *entry)
{
    if (parent == STACK_OVERFLOW)
        return parent;
    uint64_t pc = CTT_PC_ADDRESS((uintptr_t)entry) | CTT_PC_EXACT;
    uint32_t child = first_child(parent, pc, ~MODULE_MASK);
    if (child)
        return child;
    _Atomic uint32_t *head = head_of(parent, pc);
    uint32_t seen = atomic_load_explicit(head, memory_order_acquire);
    uint32_t found = chain_find(seen, 0, parent, pc, ~MODULE_MASK);
    if (found)
        return found;
    uint64_t module = module_at((uintptr_t)entry);
    return node_push(head, seen, parent, pc | module << 48, ~MODULE_MASK);
}

uint32_t stack_leaf(uint32_t parent, const void *entry)
{
    uint32_t id = leaf_step(parent, entry);
    if (id == STACK_OVERFLOW)
        HEALTH(stacks_overflowed);
    return id;
}

void stack_extend(struct memo_frame *frames, size_t count)
{
    uint32_t id = frames->id;
    for (size_t i = 1; i <= count; i++)
        frames[i].id = id = node_step(id, frames[i].key);
}

uint32_t stack_intern(const uint64_t *pcs, size_t count, enum ctt_cut cut, const void *entry)
{
    uint32_t id = ROOT_OF(cut);
    while (count > 0)
        id = node_step(id, pcs[--count]);
    return stack_leaf(id, entry);
}

size_t stack_pcs(uint32_t id, uint64_t *pcs, size_t max, enum ctt_cut *ret_cut)
{
    size_t count = 0;
    if (id < NODE_FIRST || id >= stack_limit())
        return 0;
    while (id >= NODE_FIRST) {
        const struct node *node = node_of(id);
        uint32_t parent = atomic_load_explicit(&node->parent, memory_order_acquire);
        if (parent == 0)
            return 0;
        if (count < max)
            pcs[count++] = node->pc;
        id = parent;
    }
    *ret_cut = (enum ctt_cut)(id - ROOT_FIRST);
    return count;
}

/* For an id that nobody was given: kept apart, for it needs saved registers. */
static __attribute__((noinline, cold)) struct chunk *chunk_early(uint32_t id)
{
    return chunk_make(id);
}

/* That of an id that was given out; asked for with every acquisition and release. */
static inline struct chunk *chunk_for(uint32_t id)
{
    if (__builtin_expect(id == STACK_NONE || id >= NODE_MAX, 0))
        return NULL;
    struct chunk *chunk = chunk_of(id);
    return __builtin_expect(chunk != NULL, 1) ? chunk : chunk_early(id);
}

struct stack_tally *stack_tally(uint32_t id)
{
    struct chunk *chunk = chunk_for(id);
    return chunk ? &chunk->nodes[id & (CHUNK_NODES - 1)].tally : NULL;
}

struct stack_note *stack_note(uint32_t id)
{
    struct chunk *chunk = chunk_for(id);
    return chunk ? &chunk->notes[id & (CHUNK_NODES - 1)] : NULL;
}

/* ---- in the state file ---- */

_Static_assert(ROOT_FIRST == STATE_ROOT_FIRST && STACK_OVERFLOW == STATE_STACK_OVERFLOW,
               "as state.h says");

void stacks_mirror(void)
{
    uint32_t limit = stack_limit();
    for (uint32_t id = STACK_OVERFLOW; id < limit; id++) {
        struct chunk *chunk = chunk_of(id);
        if (!chunk)
            continue;
        if (id >= NODE_FIRST)
            node_mirror(id);
        if (atomic_load(&chunk->nodes[id & (CHUNK_NODES - 1)].tally.acquired))
            stack_mirror_tally_now(id);
    }
}
