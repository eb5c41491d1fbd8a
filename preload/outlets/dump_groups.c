/* SPDX-License-Identifier: MIT */
/*
 * Memory: the ledger aggregated by stack, context, inherited or not, before or
 * after the mark, and by what reaches it, in an open-addressing table that exists for
 * this dump alone and grows by rehashing up to GROUPS_MAX.
 *
 * In a sampled run a block that was drawn, of s bytes and with the probability p,
 * stands for 1 / p blocks and s / p bytes (Horvitz and Thompson, JASA 47, 1952), and
 * adds (1 - p) / p^2 and s^2 (1 - p) / p^2 to the variance of the two sums: blocks are
 * drawn independently of each other.
 */
#include <string.h>

#include "preload/books/ledger.h"
#include "preload/facts/context.h"
#include "preload/facts/holding.h"
#include "preload/ground/health.h"
#include "preload/ground/sample.h"
#include "preload/ground/sys.h"
#include "preload/outlets/announce.h"
#include "preload/outlets/dump_writer.h"
#include "preload/outlets/reach.h"

#define GROUPS_FIRST (1u << 14)
#define GROUPS_MAX   (1u << 22)
#define NS_PER_MS    UINT64_C(1000000)

struct group {
    uint32_t stack, context, flags;
    uint32_t oldest_ms, newest_ms;
    uint32_t since_mark; /* the reader tells by the times */
    uint64_t count;      /* 0: a free slot */
    uint64_t bytes;
    uint64_t sampled;
    double more_count, more_bytes, count_variance, bytes_variance;
};

struct groups {
    struct dump *dump;
    struct group *slots;
    uint32_t size, used;
    uint64_t inherited_before_ms;
    uint64_t taken_ms;
    uint64_t mark_ns;
};

static struct group *group_find(struct group *slots, uint32_t size, const struct group *key)
{
    uint64_t hash = ((uint64_t)key->stack << 32 | key->context) + key->flags + key->since_mark;
    uint32_t i = (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (size - 1);
    for (;; i = (i + 1) & (size - 1)) {
        struct group *slot = &slots[i];
        if (!slot->count || (slot->stack == key->stack && slot->context == key->context &&
                             slot->flags == key->flags && slot->since_mark == key->since_mark))
            return slot;
    }
}

/* False: as large as it gets, or no memory for a larger one. */
static bool groups_grow(struct groups *groups)
{
    uint32_t size = groups->size * 4;
    struct group *fresh = size <= GROUPS_MAX ? sys_map(size * sizeof *fresh) : NULL;
    if (!fresh)
        return false;
    for (uint32_t i = 0; i < groups->size; i++)
        if (groups->slots[i].count)
            *group_find(fresh, size, &groups->slots[i]) = groups->slots[i];
    sys_unmap(groups->slots, groups->size * sizeof *groups->slots);
    groups->slots = fresh;
    groups->size = size;
    return true;
}

static struct group *group_get(struct groups *groups, const struct group *key)
{
    struct group *slot = group_find(groups->slots, groups->size, key);
    if (slot->count)
        return slot;
    if (groups->used >= groups->size / 4 * 3) {
        if (!groups_grow(groups))
            return NULL;
        slot = group_find(groups->slots, groups->size, key);
    }
    groups->used++;
    *slot = *key;
    slot->oldest_ms = UINT32_MAX;
    return slot;
}

static void drawn_add(struct group *group, uint64_t bytes)
{
    double p = sample_probability(bytes, sample_bytes()), s = (double)bytes;
    double others = (1 - p) / p, variance = others / p;
    group->sampled++;
    group->more_count += others;
    group->more_bytes += s * others;
    group->count_variance += variance;
    group->bytes_variance += s * s * variance;
}

static bool is_declared(uint32_t context)
{
    struct context_copy copy;
    return context_read(context, &copy) && copy.kind == CTT_CONTEXT_CTX;
}

/* In the tick of the fork nobody knows whose a block is: not where that is all that speaks
 * against it, that it is lost, or that its context has ended. */
static bool is_inherited(const struct groups *groups, const struct block *block, bool is_lost)
{
    return block->born_ms < groups->inherited_before_ms ||
           (reach_is_inherited(block) && (is_lost || is_declared(block->context)));
}

static void block_add(const struct block *block, uint32_t number, void *arg)
{
    struct groups *groups = arg;
    if (block->born_ms > groups->taken_ms)
        return;
    struct group key = {.stack = block->stack,
                        .context = block->context,
                        .since_mark = block->born_ms * NS_PER_MS >= groups->mark_ns};
    key.flags = reach_flags(block, number);
    bool is_lost = key.flags & (CTT_HOLDING_LOST | CTT_HOLDING_LOST_PART);
    if (is_inherited(groups, block, is_lost))
        key.flags |= CTT_HOLDING_INHERITED;
    struct group *group = group_get(groups, &key);
    if (!group) {
        HEALTH(groups_dropped);
        return;
    }
    group->count++;
    uint64_t bytes = block->bytes & ~BLOCK_DRAWN;
    group->bytes += bytes;
    if (bytes != block->bytes)
        drawn_add(group, bytes);
    if (block->born_ms < group->oldest_ms)
        group->oldest_ms = block->born_ms;
    if (block->born_ms > group->newest_ms)
        group->newest_ms = block->born_ms;
}

static void tell_parts(const struct group *group, struct ctt_group *record)
{
    if (group->flags & CTT_HOLDING_LOST)
        reach_parts(group->stack, group->context, group->flags, &record->parts,
                    &record->parts_bytes);
}

static void groups_tell(struct groups *groups)
{
    struct dump *dump = groups->dump;
    for (uint32_t i = 0; i < groups->size; i++) {
        const struct group *group = &groups->slots[i];
        if (!group->count)
            continue;
        dump_count_live(dump, group->stack, group->count);
        struct ctt_group record = {.kind = CTT_KIND_MEMORY,
                                   .flags = group->flags,
                                   .context = dump_context(dump, group->context),
                                   .stack = dump_stack(dump, group->stack),
                                   .count = group->count,
                                   .bytes = group->bytes,
                                   .oldest_ns = group->oldest_ms * NS_PER_MS,
                                   .newest_ns = group->newest_ms * NS_PER_MS,
                                   .sampled = group->sampled,
                                   .more_count = group->more_count,
                                   .more_bytes = group->more_bytes,
                                   .count_variance = group->count_variance,
                                   .bytes_variance = group->bytes_variance};
        tell_parts(group, &record);
        dump_record(dump, CTT_GROUP, &record, sizeof record);
    }
}

void dump_groups(struct dump *dump)
{
    struct groups groups = {
        .dump = dump,
        .size = GROUPS_FIRST,
        .inherited_before_ms = atomic_load(&inherited_before_ns) / NS_PER_MS,
        .taken_ms = dump->taken_ns / NS_PER_MS + 1,
        .mark_ns = announce_mark_ns(),
    };
    groups.slots = sys_map(groups.size * sizeof *groups.slots);
    if (!groups.slots) {
        HEALTH(groups_dropped);
        return;
    }
    ledger_scan_numbers(block_add, &groups);
    groups_tell(&groups);
    sys_unmap(groups.slots, groups.size * sizeof *groups.slots);
}
