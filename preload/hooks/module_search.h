/* SPDX-License-Identifier: MIT */
/*
 * In whose name dlopen searches.
 *
 * libc takes the module that the return address of a dlopen lies in for its caller, and
 * the caller counts for three things alone: the namespace; $ORIGIN and its like in the
 * name; and where a name without a slash is looked for (its RUNPATH, or the RPATH of it
 * and of whatever led to it, and whether it wants the default folders). Nothing of it is
 * kept with the new module: glibc, elf/dl-open.c, and _dl_map_object in elf/dl-load.c with
 * __RTLD_CALLMAP. So a call from a frame of ours is the program's own call when none of
 * the three leads elsewhere from us than from the caller (hazards.md A14).
 */
#ifndef HOOKS_MODULE_SEARCH_H
#define HOOKS_MODULE_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a dlopen of `name` finds the same in our name as in that of the code at
 * `caller`. When in doubt, not. */
bool search_is_ours_too(const char *name, uintptr_t caller);

#endif
