/* SPDX-License-Identifier: MIT */
#include "preload/books/openings.h"

#include "preload/ground/health.h"
#include "preload/ground/owned_lock.h"

#define NUMBER_SHIFT 48
#define NUMBER_MAX   (1u << (64 - NUMBER_SHIFT)) /* more are not told apart, nor entered */

static struct owned_lock lock;
static _Thread_local bool held_over_fork __attribute__((tls_model("initial-exec")));

static uint64_t key_of(uint64_t handle, uint32_t number)
{
    return (uint64_t)number << NUMBER_SHIFT | handle;
}

static bool is_there(uint64_t handle, uint32_t number)
{
    struct holding_copy unused;
    return key_read(CTT_KIND_MODULE, key_of(handle, number), &unused);
}

/* How many rows there are: some, and not one more. */
static uint32_t rows_of(uint64_t handle)
{
    uint32_t some = 0, more = 1;
    while (more < NUMBER_MAX && is_there(handle, more - 1)) {
        some = more;
        more *= 2;
    }
    while (some + 1 < more) {
        uint32_t middle = some + (more - some) / 2;
        if (is_there(handle, middle - 1))
            some = middle;
        else
            more = middle;
    }
    return some;
}

void opening_enter(const struct holding_copy *holding)
{
    struct holding_copy row = *holding;
    uint64_t handle = OPENING_HANDLE(holding->handle);
    if (!owned_lock(&lock))
        return;
    uint32_t rows = rows_of(handle);
    row.handle = key_of(handle, rows);
    if (rows < NUMBER_MAX - 1)
        key_enter(&row);
    else
        HEALTH(openings_dropped);
    owned_unlock(&lock);
}

bool opening_take(const void *handle, struct holding_copy *ret_copy)
{
    uint64_t of = (uint64_t)(uintptr_t)handle;
    if (!owned_lock(&lock))
        return false;
    uint32_t rows = rows_of(of);
    bool taken = rows && key_take(CTT_KIND_MODULE, key_of(of, rows - 1), ret_copy);
    owned_unlock(&lock);
    return taken;
}

void openings_before_fork(void)
{
    held_over_fork = owned_lock(&lock);
}

void openings_after_fork(void)
{
    if (held_over_fork)
        owned_unlock(&lock);
    held_over_fork = false;
}
