/* SPDX-License-Identifier: MIT */
/*
 * Code that comes and goes.
 *
 * Each dlopen of a file is one acquisition, each dlclose gives one back (books/openings.h).
 * dlopen searches on behalf of its caller, and would take us for that (hazards.md A14): so
 * the hook stands only where the search is the same in our name (module_search.h), and
 * everywhere else dlopen is a jump past us (dlopen_x86_64.S). Handles that were had that
 * way, by dlmopen, or by libc itself are not in the books, and a dlclose of theirs may give
 * back another's: too few are told, never too many.
 *
 * After a dlclose another module may lie at the same addresses (E12), so the modules are
 * asked for before and after. What is new is found when a stack first meets it.
 */
#include <dlfcn.h>
#include <link.h>

#include "preload/books/openings.h"
#include "preload/facts/module.h"
#include "preload/hooks/handle.h"
#include "preload/hooks/module_search.h"

HOOK(dlopen);

/* The module is told by its own id: its handle may be another's later. */
static void module_opened(const struct call_site *site, const struct link_map *map)
{
    uint32_t stack = family_stack(&hook_dlopen, site);
    struct holding_copy holding =
        holding_now(CTT_KIND_MODULE, DETAIL_LIBRARY, (uint64_t)(uintptr_t)map, stack);
    holding.owner = module_at((uintptr_t)map->l_ld);
    family_tally(stack, CTT_KIND_MODULE);
    opening_enter(&holding);
}

/* ---- dlopen ---- */

/* A handle of the program itself is a constant, and needs no closing. */
static bool is_of_file(const char *name)
{
    return name && *name;
}

static void *dlopen_watched(const char *name, int mode)
{
    void *handle = REAL(dlopen)(name, mode); /* constructors run in here (B3) */
    if (handle && guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        module_opened(&site, handle);
    }
    return handle;
}

/* Another library's dlopen may look at its caller in ways of its own. */
static bool is_of_libc(const void *function)
{
    const struct module *module = module_get(module_at((uintptr_t)function));
    return module && module->flags & CTT_MODULE_LIBC;
}

/* Where the stub is to jump to. */
void *dlopen_way(const char *name, uintptr_t caller);
void *dlopen_way(const char *name, uintptr_t caller)
{
    void *real = hook_real(&hook_dlopen);
    bool watched = real && is_of_file(name) && guard_may_record(GUARD_FRAME()) &&
                   is_of_libc(real) && search_is_ours_too(name, caller);
    return watched ? (void *)dlopen_watched : real;
}

/* ---- dlclose ---- */

HOOK(dlclose);
HOOK_EXPORT int dlclose(void *handle)
{
    if (!guard_may_record(GUARD_FRAME()))
        return REAL(dlclose)(handle);
    struct holding_copy was;
    bool had = opening_take(handle, &was);
    module_closing();
    int result = REAL(dlclose)(handle); /* destructors run in here (B3) */
    int error = errno;
    module_closed();
    if (had && result) {
        opening_enter(&was);
    } else if (had) {
        struct call_site site = CALL_SITE();
        handle_taken(&hook_dlclose, &site, &was);
    }
    errno = error;
    return result;
}
