/* SPDX-License-Identifier: MIT */
/*
 * The cleanups and tries of frames that are not on their thread's own stack: in coroutines, on
 * signal stacks. One table for all threads, found by the record's address (open addressing, next
 * place on collision, and no marks of what was: the gap is filled on removal).
 *
 * Whether such a frame is gone is not known, but for one case: another record at its address.
 */
#include "preload/ctx/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define PLACES_FIRST 64u
#define PLACES_MAX   (UINT32_C(1) << 18) /* three quarters of them are used */
#define HASH_FACTOR  UINT64_C(0x9e3779b97f4a7c15)

struct place {
    struct cleanup row; /* entry NULL: free */
    uint64_t serial;    /* from 1, in the order of registering */
};

/* Under its mutex. */
static struct {
    pthread_mutex_t mutex;
    struct place *places;
    uint32_t capacity, count; /* a power of two */
    uint64_t last_serial;
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void libctx_elsewhere_lock(void)
{
    pthread_mutex_lock(&table.mutex);
}

void libctx_elsewhere_unlock(void)
{
    pthread_mutex_unlock(&table.mutex);
}

static uint32_t wanted(const void *entry)
{
    return (uint32_t)((uintptr_t)entry / sizeof(void *) * HASH_FACTOR >> 32) & (table.capacity - 1);
}

static uint32_t next(uint32_t i)
{
    return (i + 1) & (table.capacity - 1);
}

/* Its place, or the free one where it belongs. */
static struct place *find(const void *entry)
{
    uint32_t i = wanted(entry);
    while (table.places[i].row.entry && table.places[i].row.entry != entry)
        i = next(i);
    return &table.places[i];
}

static bool grow(void)
{
    struct place *old = table.places, *places = NULL;
    uint32_t old_capacity = table.capacity;
    uint32_t capacity = old_capacity ? old_capacity * 2 : PLACES_FIRST;
    int error = errno;
    libctx_tell_own_begin();
    if (capacity <= PLACES_MAX)
        places = calloc(capacity, sizeof *places);
    libctx_tell_own_end();
    errno = error;
    if (!places)
        return false;
    table.places = places;
    table.capacity = capacity;
    for (uint32_t i = 0; i < old_capacity; i++)
        if (old[i].row.entry)
            *find(old[i].row.entry) = old[i];
    free(old);
    return true;
}

bool libctx_elsewhere_put(const struct cleanup *row)
{
    struct cleanup before = {.entry = NULL};
    libctx_fork_watch();
    libctx_elsewhere_lock();
    bool has_room = table.count + 1 <= table.capacity / 4 * 3 || grow();
    if (has_room) {
        struct place *place = find(row->entry);
        before = place->row;
        table.count += !before.entry;
        *place = (struct place){.row = *row, .serial = ++table.last_serial};
    }
    libctx_elsewhere_unlock();
    if (before.entry)
        libctx_skipped(&before);
    return has_room;
}

/* Those after it move up, where that is not before the place that they want. */
static void fill_gap(uint32_t gap)
{
    for (uint32_t i = next(gap); table.places[i].row.entry; i = next(i)) {
        uint32_t behind = (i - wanted(table.places[i].row.entry)) & (table.capacity - 1);
        if (behind < ((i - gap) & (table.capacity - 1)))
            continue;
        table.places[gap] = table.places[i];
        gap = i;
    }
    table.places[gap].row.entry = NULL;
}

void libctx_elsewhere_take(const void *entry)
{
    libctx_elsewhere_lock();
    struct place *place = table.capacity ? find(entry) : NULL;
    if (place && place->row.entry) {
        fill_gap((uint32_t)(place - table.places));
        table.count--;
    }
    libctx_elsewhere_unlock();
}

bool libctx_elsewhere_before(const struct reach *reach, uint64_t *cursor, struct cleanup *ret_row)
{
    const struct place *latest = NULL;
    libctx_elsewhere_lock();
    for (uint32_t i = 0; i < table.capacity; i++) {
        const struct place *place = &table.places[i];
        const struct cleanup *row = &place->row;
        if (row->entry && row->frame >= reach->from && row->frame < reach->to &&
            place->serial < *cursor && (!latest || place->serial > latest->serial) &&
            libctx_chain_has(&reach->chain, row))
            latest = place;
    }
    if (latest) {
        *cursor = latest->serial;
        *ret_row = latest->row;
    }
    libctx_elsewhere_unlock();
    return latest;
}
