/* SPDX-License-Identifier: MIT */
/*
 * The cleanups and tries of the frames on a thread's own stack, in the order of their
 * registering. What was skipped is noticed here: a frame that lies below the caller's is gone,
 * and so is all that the thread has left when it ends.
 *
 * Only its thread touches a registry, and no lock is held, so the tracker may be told anything.
 */
#include "preload/ctx/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS_FIRST 32u
#define ROWS_MAX   65536u /* of a thread */

static __thread struct {
    struct cleanup *rows; /* the last one is pending */
    uint32_t count, capacity;
    uint32_t left; /* of the first so many it could not be told whether they are gone */
    bool is_known; /* what follows */
    uintptr_t stack, stack_bytes;
    uintptr_t outermost; /* the end of its calls; 0: not seen yet */
} own STATIC_TLS;

static bool is_on_own(uintptr_t address)
{
    return address - own.stack < own.stack_bytes;
}

void libctx_skipped(const struct cleanup *row)
{
    if (!row->fn)
        return; /* a try has nothing to run */
    libctx_count(CTXTRACE_COUNT_CLEANUPS_SKIPPED);
    libctx_tell_cleanup_over(row->entry, CTXTRACE_ATTACH_SKIPPED);
}

static void remove_row(uint32_t place)
{
    own.rows[place].entry = NULL;
    while (own.count && !own.rows[own.count - 1].entry)
        own.count--;
    if (own.left > own.count)
        own.left = own.count;
}

static void skip_row(uint32_t place)
{
    struct cleanup row = own.rows[place];
    remove_row(place);
    libctx_skipped(&row);
}

/* ---- what is gone ---- */

/* Whether the caller is not in a coroutine whose stack is an array on this one. */
static bool is_own_chain(const struct chain *chain)
{
    if (!chain->is_whole || chain->end < own.outermost)
        return false;
    own.outermost = chain->end;
    return true;
}

static NOINLINE void skip_below(uintptr_t caller)
{
    int error = errno;
    struct chain chain;
    libctx_chain(&chain, own.stack, own.stack_bytes);
    if (is_on_own(caller) && is_own_chain(&chain))
        while (own.count && own.rows[own.count - 1].frame < caller)
            skip_row(own.count - 1);
    own.left = own.count;
    errno = error;
}

/* Whoever is called next is below the caller, so the latest one is enough to look at. */
static void notice_skipped(uintptr_t caller)
{
    if (UNLIKELY(own.count > own.left && own.rows[own.count - 1].frame < caller))
        skip_below(caller);
}

/* What a longjmp left in this very frame, or in another one that began at the same place and
 * was called from elsewhere. */
static void notice_replaced(const void *entry, uintptr_t frame, const void *called_by)
{
    for (uint32_t i = own.count; i-- > 0 && own.rows[i].frame == frame;) {
        const struct cleanup *before = &own.rows[i];
        if (UNLIKELY(before->called_by != called_by || before->entry == entry) && before->entry)
            skip_row(i);
    }
}

/* pthread_exit and pthread_cancel run no cleanups without -fexceptions. */
void libctx_registry_end(void)
{
    while (own.count)
        skip_row(own.count - 1);
    free(own.rows);
    own.rows = NULL;
    own.capacity = 0;
}

/* ---- the first ones ---- */

static NOINLINE bool grow(void)
{
    int error = errno;
    uint32_t capacity = own.capacity ? own.capacity * 2 : ROWS_FIRST;
    struct cleanup *rows = NULL;
    libctx_tell_own_begin();
    /* Watched again after each end: other destructors may register more. */
    if (capacity <= ROWS_MAX && (own.rows || libctx_thread_watch()))
        rows = realloc(own.rows, capacity * sizeof *rows);
    libctx_tell_own_end();
    errno = error;
    if (!rows)
        return false;
    own.rows = rows;
    own.capacity = capacity;
    return true;
}

/* Once for a thread. Where it fails, all frames lie elsewhere, and nothing is said of them. */
static NOINLINE void know_stack(void)
{
    int error = errno;
    pthread_attr_t attributes;
    void *stack;
    size_t bytes;
    own.is_known = true;
    libctx_tell_own_begin();
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        if (pthread_attr_getstack(&attributes, &stack, &bytes) == 0) {
            own.stack = (uintptr_t)stack;
            own.stack_bytes = bytes;
        }
        pthread_attr_destroy(&attributes);
    }
    libctx_tell_own_end();
    errno = error;
}

/* ---- what the other files call ---- */

uint32_t libctx_registry_add(void *entry, const struct ctxtrace_site *site, const void *frame,
                             const void *called_by, void (*fn)(void *arg), void *arg,
                             uintptr_t caller)
{
    if (UNLIKELY(!is_on_own((uintptr_t)frame))) { /* or not known yet */
        const struct cleanup row = {.entry = entry,
                                    .fn = fn,
                                    .arg = arg,
                                    .site = site,
                                    .frame = (uintptr_t)frame,
                                    .called_by = called_by};
        if (!own.is_known)
            know_stack();
        if (!is_on_own((uintptr_t)frame))
            return libctx_elsewhere_put(&row) ? ELSEWHERE : NOWHERE;
    }
    notice_skipped(caller);
    notice_replaced(entry, (uintptr_t)frame, called_by);
    if (UNLIKELY(own.count == own.capacity) && !grow())
        return NOWHERE;
    struct cleanup *row = &own.rows[own.count];
    row->entry = entry;
    row->fn = fn;
    row->arg = arg;
    row->site = site;
    row->frame = (uintptr_t)frame;
    row->called_by = called_by;
    return own.count++;
}

void libctx_registry_take(const void *entry, uint32_t place, uintptr_t caller)
{
    if (UNLIKELY(place >= ELSEWHERE)) {
        if (place == ELSEWHERE)
            libctx_elsewhere_take(entry);
        return;
    }
    notice_skipped(caller);
    if (LIKELY(place < own.count && own.rows[place].entry == entry))
        remove_row(place);
}

void libctx_registry_reach(uintptr_t caller, struct reach *ret_reach)
{
    if (!own.is_known)
        know_stack();
    libctx_chain(&ret_reach->chain, own.stack, own.stack_bytes);
    ret_reach->from = caller;
    ret_reach->to = ret_reach->chain.end;
    ret_reach->further = 0;
    if (!is_on_own(caller))
        return;
    if (is_own_chain(&ret_reach->chain))
        ret_reach->to = own.stack + own.stack_bytes;
    else if (!ret_reach->chain.is_whole)
        ret_reach->further = own.stack + own.stack_bytes;
}

bool libctx_registry_before(const struct reach *reach, uint64_t *cursor, struct cleanup *ret_row)
{
    if (!is_on_own(reach->from))
        return libctx_elsewhere_before(reach, cursor, ret_row);
    for (uint64_t i = *cursor < own.count ? *cursor : own.count; i-- > 0;) {
        const struct cleanup *row = &own.rows[i];
        if (!row->entry || row->frame < reach->from || row->frame >= reach->to ||
            !libctx_chain_has(&reach->chain, row))
            continue;
        *cursor = i;
        *ret_row = *row;
        return true;
    }
    return false;
}
