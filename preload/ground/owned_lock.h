/* SPDX-License-Identifier: MIT */
/*
 * A lock that knows its owner.
 *
 * An update that finds it held by its own thread (a signal handler interrupted it),
 * or by one that is not there any more (a raw fork), gives up instead of waiting for
 * ever. Ordinary holders keep it for less than a microsecond, a fork for as long as
 * the kernel copies page tables. Zeroed memory is a free one.
 */
#ifndef GROUND_OWNED_LOCK_H
#define GROUND_OWNED_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct owned_lock {
    _Atomic uint32_t owner; /* tid of the holder, 0: free */
};

/* False: not to be had, counted. */
bool owned_lock(struct owned_lock *lock);

static inline void owned_unlock(struct owned_lock *lock)
{
    atomic_store_explicit(&lock->owner, 0, memory_order_release);
}

#endif
