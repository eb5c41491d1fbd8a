/* SPDX-License-Identifier: MIT */
/*
 * Registering, running and cancelling cleanups (ctxtrace_defer.h). The record in the frame says
 * whether its function is still to be run; the registry has a copy, for ctx_fail, for reports,
 * and for what is skipped.
 */
#include "preload/ctx/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

NOINLINE ctxtrace_deferred_t *ctxtrace_defer_at(ctxtrace_deferred_t *here,
                                                const struct ctxtrace_site *site, void *frame,
                                                void *caller, void (*fn)(void *arg), void *arg)
{
    here->fn = fn;
    here->arg = arg;
    here->place = NOWHERE;
    if (UNLIKELY(!fn))
        return here;
    here->place = libctx_registry_add(here, site, frame, caller, fn, arg, CALLER_SP());
    if (UNLIKELY(here->place == NOWHERE))
        libctx_count(CTXTRACE_COUNT_CLEANUPS_UNREGISTERED);
    else if (UNLIKELY(libctx_tracked()))
        libctx_tell_cleanup(here, (const void *)(uintptr_t)fn, __builtin_return_address(0));
    return here;
}

/* Before it runs: a ctx_fail in it must not run it again. */
static inline void leave(ctxtrace_deferred_t *deferred, enum ctxtrace_attach_cleanup how,
                         uintptr_t caller)
{
    deferred->fn = NULL;
    if (UNLIKELY(deferred->place == NOWHERE))
        return;
    libctx_registry_take(deferred, deferred->place, caller);
    if (UNLIKELY(libctx_tracked()))
        libctx_tell_cleanup_over(deferred, how);
}

void libctx_cleanup_run(ctxtrace_deferred_t *deferred, uintptr_t caller)
{
    void (*fn)(void *arg) = deferred->fn;
    leave(deferred, CTXTRACE_ATTACH_RAN, caller);
    fn(deferred->arg);
}

NOINLINE void ctxtrace_defer_end(ctxtrace_deferred_t *deferred)
{
    if (deferred->fn)
        libctx_cleanup_run(deferred, CALLER_SP());
}

NOINLINE void ctxtrace_defer_drop(ctxtrace_deferred_t *deferred)
{
    if (deferred->fn)
        leave(deferred, CTXTRACE_ATTACH_DROPPED, CALLER_SP());
}

NOINLINE int ctxtrace_defer_pending(size_t i, struct ctxtrace_pending *ret_pending)
{
    struct reach reach;
    struct cleanup row;
    libctx_registry_reach(CALLER_SP(), &reach);
    if (reach.to <= reach.from) /* the program has no unwind tables */
        reach.to = reach.further;
    for (uint64_t cursor = LATEST; libctx_registry_before(&reach, &cursor, &row);) {
        if (!row.fn || i-- > 0)
            continue;
        *ret_pending = (struct ctxtrace_pending){.site = row.site, .fn = row.fn, .arg = row.arg};
        return 0;
    }
    errno = ENOENT;
    return -1;
}

/* ---- the ready-made ones ---- */

/* What a pointer's variable holds, whatever its type; it holds NULL from then on. */
static void *take_pointer(void *variable)
{
    void *pointer;
    memcpy(&pointer, variable, sizeof pointer);
    memset(variable, 0, sizeof pointer);
    return pointer;
}

void ctxtrace_close_fd(void *fd)
{
    int taken = *(int *)fd, error = errno;
    *(int *)fd = -1;
    if (taken >= 0)
        close(taken);
    errno = error;
}

void ctxtrace_close_file(void *stream)
{
    FILE *taken = take_pointer(stream);
    int error = errno;
    if (taken)
        fclose(taken);
    errno = error;
}

void ctxtrace_free_block(void *block)
{
    free(take_pointer(block));
}

void ctxtrace_unlock_mutex(void *mutex)
{
    pthread_mutex_unlock(mutex);
}

void ctxtrace_unmap(void *mapping)
{
    const ctxtrace_mapping_t *taken = mapping;
    void *address = take_pointer(taken->variable);
    int error = errno;
    if (address && address != MAP_FAILED)
        munmap(address, taken->length);
    errno = error;
}
