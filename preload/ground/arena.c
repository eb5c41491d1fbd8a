/* SPDX-License-Identifier: MIT */
#include "preload/ground/arena.h"

#include <stdatomic.h>
#include <sys/syscall.h>

#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define ARENA_CHUNK  (UINT64_C(1) << 20)
#define ARENA_ALIGN  UINT64_C(16)
#define ARENA_PAGE   UINT64_C(4096)
#define ARENA_RANGES (1u << 17)          /* ten thousand threads have as many stacks of ours */
#define ARENA_WINDOW (UINT64_C(4) << 20) /* asked about at once */

struct chunk {
    _Atomic uint64_t used;
    uint64_t padding;
    char bytes[];
};

/* What we have mapped: appended only, read without a lock by arena_owns. */
static struct range {
    _Atomic uintptr_t low, high;
} ranges[ARENA_RANGES];
static _Atomic uint32_t range_count;

static _Atomic(struct chunk *) current;
static _Atomic uint64_t mapped;
static _Atomic uint64_t limit = UINT64_MAX;
static _Atomic uintptr_t lowest = UINTPTR_MAX, highest;

void arena_limit(uint64_t bytes)
{
    atomic_store(&limit, bytes);
}

uint64_t arena_cap(void)
{
    return atomic_load(&limit);
}

uint64_t arena_mapped(void)
{
    return atomic_load(&mapped);
}

static uint64_t resident_in(uintptr_t low, uintptr_t high)
{
    unsigned char pages[ARENA_WINDOW / ARENA_PAGE];
    uint64_t count = 0;
    for (; low < high; low += ARENA_WINDOW) {
        uint64_t bytes = high - low < ARENA_WINDOW ? high - low : ARENA_WINDOW;
        if (sys_call(SYS_mincore, (long)low, (long)bytes, (long)pages, 0, 0, 0) < 0)
            return UINT64_MAX;
        for (uint64_t i = 0; i < bytes / ARENA_PAGE; i++)
            count += pages[i] & 1;
    }
    return count * ARENA_PAGE;
}

uint64_t arena_resident(void)
{
    uint64_t sum = 0;
    uint32_t count = atomic_load(&range_count);
    for (uint32_t i = 0; i < count && i < ARENA_RANGES; i++) {
        uintptr_t low = atomic_load_explicit(&ranges[i].low, memory_order_acquire);
        uint64_t bytes = low ? resident_in(low, atomic_load(&ranges[i].high)) : 0;
        if (bytes == UINT64_MAX)
            return UINT64_MAX;
        sum += bytes;
    }
    return sum;
}

static void range_add(uintptr_t low, uintptr_t high)
{
    uint32_t i = atomic_fetch_add(&range_count, 1);
    if (i >= ARENA_RANGES) {
        HEALTH(arena_untracked);
        return;
    }
    atomic_store_explicit(&ranges[i].high, high, memory_order_relaxed);
    atomic_store_explicit(&ranges[i].low, low, memory_order_release);
    uintptr_t seen = atomic_load(&lowest);
    while (low < seen && !atomic_compare_exchange_weak(&lowest, &seen, low))
        ;
    seen = atomic_load(&highest);
    while (high > seen && !atomic_compare_exchange_weak(&highest, &seen, high))
        ;
}

bool arena_owns(const void *address)
{
    uintptr_t a = (uintptr_t)address;
    if (a < atomic_load_explicit(&lowest, memory_order_relaxed) ||
        a >= atomic_load_explicit(&highest, memory_order_relaxed))
        return false;
    uint32_t count = atomic_load(&range_count);
    for (uint32_t i = 0; i < count && i < ARENA_RANGES; i++) {
        uintptr_t low = atomic_load_explicit(&ranges[i].low, memory_order_acquire);
        if (low && a >= low && a < atomic_load_explicit(&ranges[i].high, memory_order_relaxed))
            return true;
    }
    return false;
}

void arena_scan(void (*each)(uintptr_t low, uintptr_t high, void *arg), void *arg)
{
    uint32_t count = atomic_load(&range_count);
    for (uint32_t i = 0; i < count && i < ARENA_RANGES; i++) {
        uintptr_t low = atomic_load_explicit(&ranges[i].low, memory_order_acquire);
        if (low)
            each(low, atomic_load_explicit(&ranges[i].high, memory_order_relaxed), arg);
    }
}

void *arena_map(size_t bytes)
{
    bytes = (bytes + ARENA_PAGE - 1) & ~(ARENA_PAGE - 1);
    uint64_t before = atomic_fetch_add(&mapped, bytes);
    void *p = NULL;
    if (before + bytes <= atomic_load_explicit(&limit, memory_order_relaxed))
        p = sys_map(bytes);
    if (!p) {
        atomic_fetch_sub(&mapped, bytes);
        HEALTH(arena_refused);
        return NULL;
    }
    range_add((uintptr_t)p, (uintptr_t)p + bytes);
    return p;
}

/* Puts a fresh chunk in place of `old`. When another thread was faster its
 * chunk is used and ours stays a spare that nobody touches: it cost address
 * space only, and a race this close is rare. */
static struct chunk *chunk_renew(struct chunk *old)
{
    struct chunk *fresh = arena_map(ARENA_CHUNK);
    if (!fresh)
        return NULL;
    if (atomic_compare_exchange_strong(&current, &old, fresh))
        return fresh;
    return old;
}

void *arena_alloc(size_t bytes)
{
    bytes = (bytes + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    const uint64_t room = ARENA_CHUNK - sizeof(struct chunk);
    if (bytes > room / 4)
        return arena_map(bytes);
    struct chunk *chunk = atomic_load_explicit(&current, memory_order_acquire);
    for (;;) {
        if (chunk) {
            uint64_t at = atomic_fetch_add_explicit(&chunk->used, bytes, memory_order_relaxed);
            if (at + bytes <= room)
                return chunk->bytes + at;
        }
        chunk = chunk_renew(chunk);
        if (!chunk)
            return NULL;
    }
}

char *arena_copy(const char *text, size_t bytes)
{
    char *copy = arena_alloc(bytes + 1);
    if (copy)
        __builtin_memcpy(copy, text, bytes);
    return copy;
}
