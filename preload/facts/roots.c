/* SPDX-License-Identifier: MIT */
#include "preload/facts/roots.h"

#include <stdatomic.h>

#include "preload/ground/health.h"

#define ROWS 1024u

/* `use` is even while nobody changes the row, and another number after each change. An
 * `end` of 0: free. */
static struct row {
    _Atomic uint32_t use;
    _Atomic uintptr_t start, end;
} rows[ROWS];

/* One more than the highest that was ever used. */
static _Atomic uint32_t used;

/* For the change from one range to another. False: it is another one by now. */
static bool row_change(struct row *row, uintptr_t from, uintptr_t from_end, uintptr_t start,
                       uintptr_t end)
{
    uint32_t use = atomic_load(&row->use);
    if (use & 1 || atomic_load(&row->end) != from_end || atomic_load(&row->start) != from ||
        !atomic_compare_exchange_strong(&row->use, &use, use + 1))
        return false;
    atomic_store(&row->start, start);
    atomic_store(&row->end, end);
    atomic_store(&row->use, use + 2);
    return true;
}

static void used_at_least(uint32_t count)
{
    uint32_t now = atomic_load(&used);
    while (now < count && !atomic_compare_exchange_weak(&used, &now, count))
        ;
}

bool roots_add(uintptr_t start, size_t bytes)
{
    if (!bytes || start + bytes < start)
        return false;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (!row_change(&rows[i], 0, 0, start, start + bytes))
            continue;
        used_at_least(i + 1);
        return true;
    }
    HEALTH(roots_dropped);
    return false;
}

bool roots_remove(uintptr_t start, size_t bytes)
{
    uint32_t count = bytes ? atomic_load(&used) : 0;
    for (uint32_t i = 0; i < count; i++)
        if (row_change(&rows[i], start, start + bytes, 0, 0))
            return true;
    return false;
}

void roots_scan(void (*each)(uintptr_t start, uintptr_t end, void *arg), void *arg)
{
    uint32_t count = atomic_load(&used);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t use = atomic_load(&rows[i].use);
        uintptr_t start = atomic_load(&rows[i].start), end = atomic_load(&rows[i].end);
        if (end && !(use & 1) && atomic_load(&rows[i].use) == use)
            each(start, end, arg);
    }
}
