/* SPDX-License-Identifier: MIT */
#include "preload/books/fdtable.h"

#include <stddef.h>

#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"

#define CHUNK_BITS 9
#define CHUNK      (1 << CHUNK_BITS)

static _Atomic(struct holding *) chunks[FD_MAX / CHUNK];
static _Atomic int limit;
static _Atomic uint32_t live;

struct holding *fd_slot(int fd)
{
    if (fd < 0 || fd >= FD_MAX)
        return NULL;
    struct holding *chunk = atomic_load_explicit(&chunks[fd >> CHUNK_BITS], memory_order_acquire);
    return chunk ? &chunk[fd & (CHUNK - 1)] : NULL;
}

static struct holding *slot_make(int fd)
{
    struct holding *slot = fd_slot(fd);
    if (slot || fd < 0 || fd >= FD_MAX)
        return slot;
    struct holding *none = NULL;
    struct holding *fresh = arena_map(CHUNK * sizeof *fresh);
    if (fresh)
        atomic_compare_exchange_strong(&chunks[fd >> CHUNK_BITS], &none, fresh);
    return fd_slot(fd);
}

void fd_enter(int fd, const struct holding_copy *holding)
{
    struct holding *slot = slot_make(fd);
    if (!slot) {
        HEALTH(fds_beyond_table);
        return;
    }
    if (holding_publish(slot, holding))
        HEALTH(fd_releases_missed);
    else
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    holding_mirror(STATE_FD, (uint32_t)fd, slot);
    int seen = atomic_load_explicit(&limit, memory_order_relaxed);
    while (fd >= seen && !atomic_compare_exchange_weak(&limit, &seen, fd + 1))
        ;
}

void fd_set_source(int fd, int from, uint32_t from_stack)
{
    struct holding *slot = slot_make(fd);
    if (!slot)
        return;
    __atomic_store_n(&slot->source, (uint32_t)from + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->source_stack, from_stack, __ATOMIC_RELAXED);
}

void fd_source(int fd, uint32_t *ret_source, uint32_t *ret_stack)
{
    const struct holding *slot = fd_slot(fd);
    *ret_source = slot ? __atomic_load_n(&slot->source, __ATOMIC_RELAXED) : 0;
    *ret_stack = slot ? __atomic_load_n(&slot->source_stack, __ATOMIC_RELAXED) : 0;
}

bool fd_take(int fd, uint32_t stack, struct holding_copy *ret_copy)
{
    struct holding *slot = fd_slot(fd);
    if (!slot || !holding_take(slot, ret_copy))
        return false;
    holding_mirror(STATE_FD, (uint32_t)fd, slot);
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    /* The number is still ours: the real close has not run yet. */
    slot->released_stack = stack;
    slot->released_task = self.task;
    slot->released_acquired_stack = ret_copy->stack;
    return true;
}

bool fd_read(int fd, struct holding_copy *ret_copy)
{
    struct holding *slot = fd_slot(fd);
    return slot && holding_read(slot, ret_copy);
}

void fd_set_owner(int fd, uint64_t owner, enum ctt_kind_id owner_kind)
{
    struct holding *slot = fd_slot(fd);
    if (!slot)
        return;
    __atomic_store_n(&slot->owner, owner, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->owner_kind, (uint8_t)owner_kind, __ATOMIC_RELAXED);
    if (owner)
        atomic_fetch_or_explicit(&slot->flags, CTT_HOLDING_OWNED, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&slot->flags, (uint16_t)~CTT_HOLDING_OWNED, memory_order_relaxed);
    holding_mirror(STATE_FD, (uint32_t)fd, slot);
}

bool fd_charge(int fd, uint32_t context)
{
    struct holding *slot = fd_slot(fd);
    if (!slot || !atomic_load(&slot->live))
        return false;
    __atomic_store_n(&slot->context, context, __ATOMIC_RELAXED);
    holding_mirror(STATE_FD, (uint32_t)fd, slot);
    return true;
}

void fd_set_flags(int fd, uint16_t set, uint16_t clear)
{
    struct holding *slot = fd_slot(fd);
    if (!slot)
        return;
    atomic_fetch_or_explicit(&slot->flags, set, memory_order_relaxed);
    atomic_fetch_and_explicit(&slot->flags, (uint16_t)~clear, memory_order_relaxed);
    holding_mirror(STATE_FD, (uint32_t)fd, slot);
}

void fd_touch(int fd)
{
    struct holding *slot = fd_slot(fd);
    if (!slot)
        return;
    holding_touch(slot);
    holding_mirror(STATE_FD, (uint32_t)fd, slot);
}

void fds_mirror(void)
{
    int count = fd_limit();
    for (int fd = 0; fd < count; fd++) {
        const struct holding *slot = fd_slot(fd);
        if (slot && atomic_load(&slot->live))
            holding_mirror(STATE_FD, (uint32_t)fd, slot);
    }
}

int fd_limit(void)
{
    return atomic_load_explicit(&limit, memory_order_acquire);
}

uint32_t fd_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}
