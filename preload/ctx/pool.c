/* SPDX-License-Identifier: MIT */
/*
 * Where contexts and after functions live: slots of one size, used again and again, whose
 * memory is never given back. So the handle of one that is gone may be looked at: the slot's
 * generation says that it is another by now.
 *
 * Slots go back to the shard that they came from, whoever frees them; else one thread that
 * makes and another that releases would need ever more.
 *
 * A slot stays a context's or an after function's for ever, so an old handle is never taken for
 * the other kind. After functions go back to the end of the row, that it is long until the
 * same handle comes again; contexts to its beginning, where the cache has them.
 */
#include "preload/ctx/internal.h"

#include <stdlib.h>
#include <string.h>

#define SHARDS     8u
#define SLAB_SLOTS 64u

struct free_slot {
    struct slot slot;
    struct free_slot *next;
};

struct slab {
    struct slab *next;
    char *slots;
};

static struct shard {
    pthread_mutex_t mutex;
    struct free_slot *free[SLOT_USES], *free_last[SLOT_USES];
    struct slab *slabs;
} __attribute__((aligned(64))) shards[SHARDS] = {
    [0 ... SHARDS - 1] = {.mutex = PTHREAD_MUTEX_INITIALIZER},
};

_Static_assert(sizeof(struct context) <= SLOT_BYTES, "a context fits its slot");

static struct shard *own_shard(void)
{
    static _Atomic unsigned next;
    static __thread unsigned STATIC_TLS own; /* and one: 0 is none */
    if (!own)
        own = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % SHARDS + 1;
    return &shards[own - 1];
}

/* With the shard locked. */
static void free_add(struct shard *shard, struct free_slot *slot, bool at_end)
{
    struct free_slot **first = &shard->free[slot->slot.pool];
    struct free_slot **last = &shard->free_last[slot->slot.pool];
    slot->next = at_end ? NULL : *first;
    if (at_end && *first)
        (*last)->next = slot;
    else
        *first = slot;
    if (!slot->next)
        *last = slot;
}

/* With the shard locked. */
static bool shard_grow(struct shard *shard, enum slot_use use)
{
    libctx_fork_watch();
    libctx_tell_own_begin();
    struct slab *slab = malloc(sizeof *slab);
    char *slots = slab ? aligned_alloc(SLOT_BYTES, (size_t)SLAB_SLOTS * SLOT_BYTES) : NULL;
    libctx_tell_own_end();
    if (!slots) {
        free(slab);
        return false;
    }
    memset(slots, 0, (size_t)SLAB_SLOTS * SLOT_BYTES);
    for (unsigned i = SLAB_SLOTS; i-- > 0;) {
        struct free_slot *slot = (struct free_slot *)(slots + (size_t)i * SLOT_BYTES);
        atomic_init(&slot->slot.generation, 1);
        slot->slot.shard = (uint8_t)(shard - shards);
        slot->slot.pool = use;
        free_add(shard, slot, false);
    }
    *slab = (struct slab){.next = shard->slabs, .slots = slots};
    shard->slabs = slab;
    return true;
}

void *libctx_pool_take(enum slot_use use)
{
    struct shard *shard = own_shard();
    pthread_mutex_lock(&shard->mutex);
    struct free_slot *slot = shard->free[use] || shard_grow(shard, use) ? shard->free[use] : NULL;
    if (slot) {
        shard->free[use] = slot->next;
        memset((char *)slot + sizeof slot->slot, 0, SLOT_BYTES - sizeof slot->slot);
        slot->slot.use = use;
    }
    pthread_mutex_unlock(&shard->mutex);
    return slot;
}

void libctx_pool_give(struct slot *slot)
{
    struct free_slot *given = (struct free_slot *)slot;
    struct shard *shard = &shards[slot->shard];
    pthread_mutex_lock(&shard->mutex);
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed) + 1;
    uint32_t limit = slot->pool == SLOT_AFTER ? WIDE_GENERATIONS : GENERATIONS;
    atomic_store_explicit(&slot->generation, generation < limit ? generation : 1,
                          memory_order_relaxed);
    slot->use = SLOT_FREE;
    free_add(shard, given, slot->pool == SLOT_AFTER);
    pthread_mutex_unlock(&shard->mutex);
}

void libctx_pool_each(enum slot_use use, void (*see)(void *one))
{
    libctx_pool_lock();
    for (unsigned i = 0; i < SHARDS; i++)
        for (struct slab *slab = shards[i].slabs; slab; slab = slab->next)
            for (size_t n = 0; n < SLAB_SLOTS; n++) {
                struct slot *slot = (struct slot *)(slab->slots + n * SLOT_BYTES);
                if (slot->use == use)
                    see(slot);
            }
    libctx_pool_unlock();
}

void libctx_pool_lock(void)
{
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_mutex_lock(&shards[i].mutex);
}

void libctx_pool_unlock(void)
{
    for (unsigned i = SHARDS; i-- > 0;)
        pthread_mutex_unlock(&shards[i].mutex);
}
