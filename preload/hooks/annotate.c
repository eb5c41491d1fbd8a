/* SPDX-License-Identifier: MIT */
/*
 * What programs tell the tracker by name: the table that ctx/ctxtrace_annotate.h looks up,
 * and LeakSanitizer's own interface (sanitizer/lsan_interface.h), so that a program that
 * was annotated for it needs nothing more.
 *
 * A sanitizer's runtime that is a library comes behind us in the program's scope, so that
 * its functions of these names would not be called any more: ours call them, always. Its
 * allocator calls them, too, from inside a look-up of the loader's, and before anything
 * has begun: so nothing else is asked on the way there.
 */
#include "preload/ctx/ctxtrace_annotate.h"

#include <stdbool.h>
#include <stdint.h>

#include "preload/books/fdtable.h"
#include "preload/books/ledger.h"
#include "preload/facts/ignored.h"
#include "preload/facts/roots.h"
#include "preload/facts/symbol.h"
#include "preload/ground/guard.h"
#include "preload/ground/hook.h"
#include "preload/hooks/declared.h"

#define REASON_OF_LSAN "told LeakSanitizer to ignore it"

static bool may_tell(void)
{
    return tracker_watching() && !guard_is_vforked();
}

/* ---- the table ---- */

static void annotate_ignore_begin(const char *why)
{
    if (may_tell())
        ignored_begin(why);
}

static void annotate_ignore_end(void)
{
    if (may_tell())
        ignored_end();
}

static int annotate_ignore_mem(const void *block, const char *why)
{
    uint32_t context = may_tell() && block ? ignored_context(why) : 0;
    return context && ledger_charge((uintptr_t)block, context) ? 0 : -1;
}

/* A descriptor's record has no place for the reason. */
static int annotate_ignore_fd(int fd, const char *why)
{
    struct holding_copy now;
    (void)why;
    if (!may_tell() || !fd_read(fd, &now))
        return -1;
    fd_set_flags(fd, CTT_HOLDING_IGNORED, 0);
    return 0;
}

static int annotate_root_range(const void *start, size_t bytes)
{
    return may_tell() && roots_add((uintptr_t)start, bytes) ? 0 : -1;
}

static int annotate_root_range_end(const void *start, size_t bytes)
{
    return may_tell() && roots_remove((uintptr_t)start, bytes) ? 0 : -1;
}

ctxtrace_attach_function ctxtrace_preload_attach_v1;
HOOK_EXPORT const struct ctxtrace_attach_v1 *ctxtrace_preload_attach_v1(const void *client)
{
    static const struct ctxtrace_attach_v1 table = {
        .size = sizeof table,
        .ignore_begin = annotate_ignore_begin,
        .ignore_end = annotate_ignore_end,
        .ignore_mem = annotate_ignore_mem,
        .ignore_fd = annotate_ignore_fd,
        .root_range = annotate_root_range,
        .root_range_end = annotate_root_range_end,
        .contexts = &declared_table,
        .resources = &resource_table,
        .testing = &testing_table,
    };
    (void)client;
    return atomic_load(&tracker_state) == TRACKER_OFF ? NULL : &table;
}

/* ---- LeakSanitizer's ---- */

/* What comes behind us; found once. */
static void *theirs_look(_Atomic(void *) *kept, const char *name)
{
    static char nothing;
    void *found = atomic_load_explicit(kept, memory_order_acquire);
    if (!found) {
        found = symbol_next(name);
        atomic_store_explicit(kept, found ? found : &nothing, memory_order_release);
    }
    return found == &nothing ? NULL : found;
}

#define TELLS(function, params, args, ours)                                                        \
    void function params;                                                                          \
    HOOK_EXPORT void function params                                                               \
    {                                                                                              \
        static _Atomic(void *) kept;                                                               \
        __typeof__(&function) theirs = (__typeof__(&function))theirs_look(&kept, #function);       \
        if (theirs)                                                                                \
            theirs args;                                                                           \
        ours;                                                                                      \
    }

TELLS(__lsan_disable, (void), (), annotate_ignore_begin(REASON_OF_LSAN))
TELLS(__lsan_enable, (void), (), annotate_ignore_end())
TELLS(__lsan_ignore_object, (const void *block), (block),
      annotate_ignore_mem(block, REASON_OF_LSAN))
TELLS(__lsan_register_root_region, (const void *start, size_t bytes), (start, bytes),
      annotate_root_range(start, bytes))
TELLS(__lsan_unregister_root_region, (const void *start, size_t bytes), (start, bytes),
      annotate_root_range_end(start, bytes))
