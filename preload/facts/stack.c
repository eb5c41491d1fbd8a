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
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/room.h"

#define HEAD_BITS   18u
#define CHUNK_BITS  16u
#define CHUNK_NODES (1u << CHUNK_BITS)
#define CHUNKS      64u
#define NODE_MAX    (CHUNKS * CHUNK_NODES)

#define ROOT_FIRST  (STACK_OVERFLOW + 1)
#define ROOT_OF(c)  (ROOT_FIRST + (uint32_t)(c))
#define NODE_FIRST  ROOT_OF(CTT_CUT_COUNT)
#define MODULE_MASK (UINT64_C(0x7fff) << 48)

struct node {
    uint64_t pc;
    _Atomic uint32_t parent; /* 0: not filled yet */
    uint32_t next;           /* in its hash chain */
};

struct chunk {
    struct node nodes[CHUNK_NODES];
    struct stack_tally tallies[CHUNK_NODES];
};

_Atomic uint32_t stack_depth_limit = 128;

static _Atomic(struct chunk *) chunks[CHUNKS];
static _Atomic uint32_t heads[1u << HEAD_BITS];
static _Atomic uint32_t node_next = NODE_FIRST;

static const enum health_counter cut_counters[CTT_CUT_COUNT] = {
    [CTT_CUT_DEPTH] = HEALTH_stacks_cut_depth,   [CTT_CUT_NO_MODULE] = HEALTH_stacks_cut_no_module,
    [CTT_CUT_NO_CFI] = HEALTH_stacks_cut_no_cfi, [CTT_CUT_RULE] = HEALTH_stacks_cut_rule,
    [CTT_CUT_BOUNDS] = HEALTH_stacks_cut_bounds, [CTT_CUT_FULL] = HEALTH_stacks_cut_full,
};

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
        id = node->next;
    }
    return 0;
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
    for (;;) {
        node->next = seen;
        uint32_t now = seen;
        if (atomic_compare_exchange_strong(head, &now, id))
            return id;
        uint32_t found = chain_find(now, seen, parent, pc, mask);
        if (found) /* ours stays, a second name that nobody will be given */
            return found;
        seen = now;
    }
}

static uint32_t node_intern(uint32_t parent, uint64_t pc)
{
    _Atomic uint32_t *head = head_of(parent, pc);
    uint32_t seen = atomic_load_explicit(head, memory_order_acquire);
    uint32_t found = chain_find(seen, 0, parent, pc, UINT64_MAX);
    return found ? found : node_push(head, seen, parent, pc, UINT64_MAX);
}

/* The innermost node. Its module is looked up only when the node is new: the
 * functions that acquire are few and stay where they are. */
static uint32_t leaf_intern(uint32_t parent, const void *entry)
{
    uint64_t pc = CTT_PC_ADDRESS((uintptr_t)entry) | CTT_PC_EXACT;
    _Atomic uint32_t *head = head_of(parent, pc);
    uint32_t seen = atomic_load_explicit(head, memory_order_acquire);
    uint32_t found = chain_find(seen, 0, parent, pc, ~MODULE_MASK);
    if (found)
        return found;
    uint64_t module = module_at((uintptr_t)entry);
    return node_push(head, seen, parent, pc | module << 48, ~MODULE_MASK);
}

uint32_t stack_intern(const uint64_t *pcs, size_t count, enum ctt_cut cut, const void *entry)
{
    uint32_t id = ROOT_OF(cut);
    while (count > 0 && id != STACK_OVERFLOW)
        id = node_intern(id, pcs[--count]);
    if (id != STACK_OVERFLOW)
        id = leaf_intern(id, entry);
    if (id == STACK_OVERFLOW)
        HEALTH(stacks_overflowed);
    return id;
}

/*
 * The same for a capture's own walk, beginning where it differs from the one
 * before on this thread: the outer frames of two stacks in a row are mostly the
 * same, and their ids follow from their pcs alone (nodes are for ever). A
 * capture that is left in the middle by siglongjmp has changed entries beyond
 * last_count only.
 */
static uint32_t stack_intern_next(struct thread_room *room, const uint64_t *pcs, size_t count,
                                  enum ctt_cut cut, const void *entry)
{
    uint32_t same = 0;
    if (room->last_cut == (uint32_t)cut)
        while (same < room->last_count && same < count &&
               room->last_pcs[same] == pcs[count - 1 - same])
            same++;
    room->last_cut = (uint32_t)cut;
    room->last_count = same;
    atomic_signal_fence(memory_order_seq_cst);
    uint32_t id = same ? room->last_ids[same - 1] : ROOT_OF(cut);
    for (; same < count && id != STACK_OVERFLOW; same++) {
        id = node_intern(id, pcs[count - 1 - same]);
        room->last_pcs[same] = pcs[count - 1 - same];
        room->last_ids[same] = id;
    }
    atomic_signal_fence(memory_order_seq_cst);
    if (id != STACK_OVERFLOW) {
        room->last_count = same;
        id = leaf_intern(id, entry);
    }
    if (id == STACK_OVERFLOW)
        HEALTH(stacks_overflowed);
    return id;
}

static bool range_holds(const struct room_range *range, uintptr_t a, uintptr_t b)
{
    return a >= range->low && a < range->high && b >= range->low && b < range->high;
}

/* Whether the capture marked at `mark` is still at work below us. If not, its
 * frame was left by siglongjmp: it lies lower, on the same stack. */
static bool capture_is_live(const struct thread_room *room, uintptr_t mark, uintptr_t frame)
{
    if (mark == 0)
        return false;
    bool same =
        range_holds(&room->own_stack, mark, frame) || range_holds(&room->other_stack, mark, frame);
    return !(same && mark < frame);
}

/* Which of the room's buffers is free for a capture in this frame; ROOM_WALKS
 * when none is. */
static unsigned buffer_take(struct thread_room *room, uintptr_t frame)
{
    for (unsigned i = 0; i < ROOM_WALKS; i++) {
        if (capture_is_live(room, room->walking[i], frame))
            continue;
        for (unsigned stale = i + 1; stale < ROOM_WALKS; stale++)
            room->walking[stale] = 0;
        room->walking[i] = frame;
        /* A handler must see the mark before we write to the buffer. */
        atomic_signal_fence(memory_order_seq_cst);
        return i;
    }
    return ROOM_WALKS;
}

uint32_t stack_capture(const struct call_site *site, const void *entry)
{
    uint32_t depth = atomic_load_explicit(&stack_depth_limit, memory_order_relaxed);
    struct thread_room *room = room_get();
    if (!room || depth == 0)
        return STACK_NONE;
    unsigned buffer = buffer_take(room, GUARD_FRAME());
    if (buffer == ROOM_WALKS) {
        HEALTH(stacks_reentered);
        return STACK_NONE;
    }
    enum ctt_cut cut;
    uint64_t *pcs = room->walk[buffer];
    size_t count = unwind_walk(site, pcs, depth < ROOM_WALK_DEPTH ? depth : ROOM_WALK_DEPTH, &cut);
    uint32_t id = buffer == 0 ? stack_intern_next(room, pcs, count, cut, entry)
                              : stack_intern(pcs, count, cut, entry);
    atomic_signal_fence(memory_order_seq_cst);
    room->walking[buffer] = 0;
    if (cut != CTT_CUT_NONE)
        health_add(cut_counters[cut], 1);
    return id;
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

struct stack_tally *stack_tally(uint32_t id)
{
    struct chunk *chunk = id == STACK_NONE || id >= NODE_MAX ? NULL : chunk_make(id);
    return chunk ? &chunk->tallies[id & (CHUNK_NODES - 1)] : NULL;
}
