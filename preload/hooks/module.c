/* SPDX-License-Identifier: MIT */
/*
 * Code that goes away. After a dlclose another module may lie at the same
 * addresses (hazards.md E12), so the modules are asked for before and after.
 * dlopen is not hooked: it looks for files on behalf of its caller, and would
 * take us for that (A14); what is new is found when a stack first meets it.
 */
#include <dlfcn.h>

#include "preload/facts/module.h"
#include "preload/hooks/family.h"

HOOK(dlclose);
HOOK_EXPORT int dlclose(void *handle)
{
    if (!guard_may_record(GUARD_FRAME()))
        return REAL(dlclose)(handle);
    module_closing();
    int result = REAL(dlclose)(handle); /* destructors run in here (B3) */
    module_closed();
    return result;
}
