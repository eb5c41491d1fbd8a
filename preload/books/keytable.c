/* SPDX-License-Identifier: MIT */
#include "preload/books/keytable.h"

#include <stddef.h>
#include <string.h>

#include "preload/ground/arena.h"
#include "preload/ground/health.h"
#include "preload/ground/owned_lock.h"

/* uthash's tables come from the arena, which never takes back: a table that
 * doubles leaves its old buckets behind, half of what is in use at most. One that
 * loses its last element would be left behind whole, and made anew for the next: each
 * has an anchor in it that is never taken out. */
#define uthash_malloc(bytes)     arena_alloc(bytes)
#define uthash_free(p, bytes)    ((void)(p))
#define HASH_NONFATAL_OOM        1
#define uthash_nonfatal_oom(obj) ((void)(obj))
#include <uthash.h>

#define SHARDS      64u
#define SLOT_CHUNK  256u
#define SLOT_CHUNKS 4096u /* a million streams, threads and children */

struct key {
    uint64_t kind;
    uint64_t handle;
};

struct slot {
    struct holding holding;
    struct key key;
    struct slot *next_free; /* this and the next under the shard's lock */
    uint32_t more;          /* acquisitions beyond the first */
    uint32_t index;
    UT_hash_handle hh;
};

struct shard {
    struct owned_lock lock;
    struct slot *table;
    struct slot *free;
    struct slot anchor; /* of kind 0, which no key has */
};
static struct shard shards[SHARDS];

static _Atomic(struct slot *) slot_chunks[SLOT_CHUNKS];
static _Atomic uint32_t slots_used;

/* ---- slots ---- */

static struct slot *slot_at(uint32_t index)
{
    struct slot *chunk =
        atomic_load_explicit(&slot_chunks[index / SLOT_CHUNK], memory_order_acquire);
    return chunk ? &chunk[index % SLOT_CHUNK] : NULL;
}

static struct slot *slot_fresh(void)
{
    uint32_t index = atomic_fetch_add(&slots_used, 1);
    if (index >= SLOT_CHUNK * SLOT_CHUNKS) {
        atomic_fetch_sub(&slots_used, 1);
        return NULL;
    }
    struct slot *none = NULL;
    if (!slot_at(index)) {
        struct slot *fresh = arena_map(SLOT_CHUNK * sizeof *fresh);
        if (!fresh)
            return NULL;
        atomic_compare_exchange_strong(&slot_chunks[index / SLOT_CHUNK], &none, fresh);
    }
    slot_at(index)->index = index;
    return slot_at(index);
}

static struct shard *shard_of(const struct key *key)
{
    uint64_t mixed = (key->handle ^ key->kind << 56) * UINT64_C(0x9e3779b97f4a7c15);
    return &shards[mixed >> 58];
}

static struct slot *slot_find(struct shard *shard, const struct key *key)
{
    struct slot *found;
    HASH_FIND(hh, shard->table, key, sizeof *key, found);
    return found;
}

static bool is_anchored(struct shard *shard)
{
    struct slot *anchor = &shard->anchor;
    if (!shard->table)
        HASH_ADD(hh, shard->table, key, sizeof anchor->key, anchor);
    return shard->table;
}

static struct slot *slot_insert(struct shard *shard, const struct key *key)
{
    struct slot *slot = shard->free;
    if (!is_anchored(shard))
        return NULL;
    if (slot)
        shard->free = slot->next_free;
    else
        slot = slot_fresh();
    if (!slot)
        return NULL;
    slot->key = *key;
    HASH_ADD(hh, shard->table, key, sizeof slot->key, slot);
    if (slot->hh.tbl)
        return slot;
    slot->next_free = shard->free;
    shard->free = slot;
    return NULL;
}

/* ---- the table ---- */

bool key_enter(const struct holding_copy *holding)
{
    struct key key = {holding->kind, holding->handle};
    struct shard *shard = shard_of(&key);
    if (!owned_lock(&shard->lock))
        return false;
    struct slot *slot = slot_find(shard, &key);
    if (!slot)
        slot = slot_insert(shard, &key);
    bool replaced = slot && holding_publish(&slot->holding, holding);
    if (slot) {
        slot->more = 0;
        holding_mirror(STATE_KEY, slot->index, &slot->holding);
    }
    owned_unlock(&shard->lock);
    if (!slot)
        HEALTH(keys_dropped);
    return replaced;
}

bool key_again(enum ctt_kind_id kind, uint64_t handle)
{
    struct key key = {kind, handle};
    struct shard *shard = shard_of(&key);
    if (!owned_lock(&shard->lock))
        return false;
    struct slot *slot = slot_find(shard, &key);
    bool there = slot && atomic_load(&slot->holding.live);
    if (there)
        slot->more++;
    owned_unlock(&shard->lock);
    return there;
}

bool key_take(enum ctt_kind_id kind, uint64_t handle, struct holding_copy *ret_copy)
{
    struct key key = {kind, handle};
    struct shard *shard = shard_of(&key);
    if (!owned_lock(&shard->lock))
        return false;
    struct slot *slot = slot_find(shard, &key);
    bool last = slot && slot->more == 0;
    bool taken = last && holding_take(&slot->holding, ret_copy);
    if (slot && !last) {
        slot->more--;
    } else if (slot) {
        holding_mirror(STATE_KEY, slot->index, &slot->holding);
        HASH_DELETE(hh, shard->table, slot);
        slot->next_free = shard->free;
        shard->free = slot;
    }
    owned_unlock(&shard->lock);
    return taken;
}

bool key_read(enum ctt_kind_id kind, uint64_t handle, struct holding_copy *ret_copy)
{
    struct key key = {kind, handle};
    struct shard *shard = shard_of(&key);
    if (!owned_lock(&shard->lock))
        return false;
    struct slot *slot = slot_find(shard, &key);
    bool found = slot && holding_read(&slot->holding, ret_copy);
    owned_unlock(&shard->lock);
    return found;
}

void key_set_flags(enum ctt_kind_id kind, uint64_t handle, uint16_t set, uint16_t clear)
{
    struct key key = {kind, handle};
    struct shard *shard = shard_of(&key);
    if (!owned_lock(&shard->lock))
        return;
    struct slot *slot = slot_find(shard, &key);
    if (slot) {
        atomic_fetch_or(&slot->holding.flags, set);
        atomic_fetch_and(&slot->holding.flags, (uint16_t)~clear);
        holding_mirror(STATE_KEY, slot->index, &slot->holding);
    }
    owned_unlock(&shard->lock);
}

bool key_charge(enum ctt_kind_id kind, uint64_t handle, uint32_t context)
{
    struct key key = {kind, handle};
    struct shard *shard = shard_of(&key);
    if (!owned_lock(&shard->lock))
        return false;
    struct slot *slot = slot_find(shard, &key);
    bool there = slot && atomic_load(&slot->holding.live);
    if (there) {
        __atomic_store_n(&slot->holding.context, context, __ATOMIC_RELAXED);
        holding_mirror(STATE_KEY, slot->index, &slot->holding);
    }
    owned_unlock(&shard->lock);
    return there;
}

static void each_slot(void (*visit)(struct slot *slot, void *arg), void *arg)
{
    uint32_t count = atomic_load(&slots_used);
    for (uint32_t i = 0; i < count && i < SLOT_CHUNK * SLOT_CHUNKS; i++) {
        struct slot *slot = slot_at(i);
        if (slot)
            visit(slot, arg);
    }
}

struct scan {
    void (*each)(const struct holding_copy *holding, void *arg);
    void *arg;
};

static void scan_one(struct slot *slot, void *arg)
{
    const struct scan *scan = arg;
    struct holding_copy copy;
    if (holding_read(&slot->holding, &copy))
        scan->each(&copy, scan->arg);
}

void key_scan(void (*each)(const struct holding_copy *holding, void *arg), void *arg)
{
    struct scan scan = {each, arg};
    each_slot(scan_one, &scan);
}

static void drop_one(struct slot *slot, void *arg)
{
    struct holding_copy copy;
    enum ctt_kind_id kind = *(enum ctt_kind_id *)arg;
    /* Until it is out: some have been acquired more than once. */
    while (holding_read(&slot->holding, &copy) && copy.kind == kind)
        if (key_take(kind, copy.handle, &copy))
            return;
}

void key_drop_kind(enum ctt_kind_id kind)
{
    each_slot(drop_one, &kind);
}

struct mark {
    enum ctt_kind_id kind;
    uint16_t set;
};

static void mark_one(struct slot *slot, void *arg)
{
    const struct mark *mark = arg;
    struct holding_copy copy;
    if (holding_read(&slot->holding, &copy) && copy.kind == mark->kind)
        atomic_fetch_or(&slot->holding.flags, mark->set);
}

void key_mark_kind(enum ctt_kind_id kind, uint16_t set)
{
    struct mark mark = {kind, set};
    each_slot(mark_one, &mark);
}

static void mirror_one(struct slot *slot, void *arg)
{
    (void)arg;
    if (atomic_load(&slot->holding.live))
        holding_mirror(STATE_KEY, slot->index, &slot->holding);
}

void keys_mirror(void)
{
    each_slot(mirror_one, NULL);
}

/* ---- fork ---- */

/* Which locks this thread got: a fork from a signal handler that interrupted
 * an update leaves that shard out, and the update goes on in both processes. */
static _Thread_local uint64_t held_over_fork __attribute__((tls_model("initial-exec")));

void keys_before_fork(void)
{
    uint64_t held = 0;
    for (uint32_t i = 0; i < SHARDS; i++)
        if (owned_lock(&shards[i].lock))
            held |= UINT64_C(1) << i;
    held_over_fork = held;
}

void keys_after_fork(void)
{
    uint64_t held = held_over_fork;
    for (uint32_t i = 0; i < SHARDS; i++)
        if (held >> i & 1)
            owned_unlock(&shards[i].lock);
    held_over_fork = 0;
}

bool keys_are_held(void)
{
    return held_over_fork != 0;
}
