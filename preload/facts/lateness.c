/* SPDX-License-Identifier: MIT */
#include "preload/facts/lateness.h"

#include <stddef.h>
#include <string.h>

#include "preload/format.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"

#define ROWS_MAX (1u << 14) /* stacks of which something came late; 8 MiB */

_Static_assert(CTT_LATE_STEPS == 4, "two bits below the first decide");

struct lateness {
    struct lateness *older;
    uint32_t stack;
    _Atomic uint64_t longest_ns;
    _Atomic uint64_t acquired_after;
    _Atomic uint32_t buckets[CTT_LATE_BUCKETS];
};

static _Atomic(struct lateness *) newest;

struct lateness *lateness_at(_Atomic(struct lateness *) *place, uint32_t stack)
{
    static _Atomic uint32_t rows;
    struct lateness *there = atomic_load_explicit(place, memory_order_acquire);
    if (there)
        return there;
    struct lateness *fresh = atomic_load(&rows) < ROWS_MAX ? arena_alloc(sizeof *fresh) : NULL;
    if (!fresh) {
        HEALTH(lateness_dropped);
        return NULL;
    }
    atomic_fetch_add(&rows, 1);
    fresh->stack = stack;
    fresh->older = atomic_load(&newest);
    while (!atomic_compare_exchange_weak(&newest, &fresh->older, fresh))
        ;
    /* Another thread may have been first: then ours stays empty. */
    return atomic_compare_exchange_strong(place, &there, fresh) ? fresh : there;
}

static unsigned bucket_of(uint64_t ns)
{
    if (ns >> CTT_LATE_LOG == 0)
        return 0;
    unsigned log = 63u - (unsigned)__builtin_clzll(ns);
    unsigned step = (unsigned)(ns >> (log - 2)) & (CTT_LATE_STEPS - 1);
    unsigned bucket = 1 + (log - CTT_LATE_LOG) * CTT_LATE_STEPS + step;
    return bucket < CTT_LATE_BUCKETS ? bucket : CTT_LATE_BUCKETS - 1;
}

void lateness_add(struct lateness *lateness, uint64_t late_ns)
{
    uint64_t longest = atomic_load_explicit(&lateness->longest_ns, memory_order_relaxed);
    while (late_ns > longest &&
           !atomic_compare_exchange_weak(&lateness->longest_ns, &longest, late_ns))
        ;
    atomic_fetch_add_explicit(&lateness->buckets[bucket_of(late_ns)], 1, memory_order_relaxed);
}

void lateness_add_acquired_after(struct lateness *lateness)
{
    atomic_fetch_add_explicit(&lateness->acquired_after, 1, memory_order_relaxed);
}

bool lateness_read(const struct lateness *lateness, struct ctt_late *ret_late)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < CTT_LATE_BUCKETS; i++)
        count += atomic_load_explicit(&lateness->buckets[i], memory_order_relaxed);
    if (!count && !atomic_load(&lateness->acquired_after))
        return false;
    memset(ret_late, 0, sizeof *ret_late);
    ret_late->stack = lateness->stack;
    ret_late->longest_ns = atomic_load_explicit(&lateness->longest_ns, memory_order_relaxed);
    ret_late->acquired_after = atomic_load(&lateness->acquired_after);
    for (unsigned i = 0; i < CTT_LATE_BUCKETS; i++) {
        ret_late->buckets[i] = atomic_load_explicit(&lateness->buckets[i], memory_order_relaxed);
        ret_late->count += ret_late->buckets[i];
    }
    return true;
}

const struct lateness *lateness_next(const struct lateness *lateness)
{
    return lateness ? lateness->older : atomic_load(&newest);
}

void lateness_forked(void)
{
    for (struct lateness *lateness = atomic_load(&newest); lateness; lateness = lateness->older) {
        for (unsigned i = 0; i < CTT_LATE_BUCKETS; i++)
            atomic_store(&lateness->buckets[i], 0);
        atomic_store(&lateness->longest_ns, 0);
        atomic_store(&lateness->acquired_after, 0);
    }
}
