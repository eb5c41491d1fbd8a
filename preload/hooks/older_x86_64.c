/* SPDX-License-Identifier: MIT */
/*
 * Older versions of hooked functions that behave otherwise than the present
 * ones. A hook without a version serves callers of all, and would give a
 * program that was linked long ago the function of today (hazards.md A5):
 *
 *  - posix_spawn and posix_spawnp before 2.15 run a file that is neither a
 *    program nor begins with #! by /bin/sh;
 *  - quick_exit before 2.24 runs the destructors of thread-local objects.
 *
 * All other hooked names with several versions are one and the same function
 * under each; a test looks at the libc that is there. The names of versions are
 * the architecture's own, here and in exports.map.
 */
#include <stdlib.h>

#include "preload/hooks/spawn.h"

#define SPAWNS_OLDER(function, name, searches)                                                     \
    __typeof__(name) function;                                                                     \
    HOOK_VERSION(function, name, "GLIBC_2.2.5");                                                   \
    SPAWN_FUNCTION(function, searches, spawned_by_pid)

SPAWNS_OLDER(posix_spawn_2_2_5, posix_spawn, false)
SPAWNS_OLDER(posix_spawnp_2_2_5, posix_spawnp, true)

__typeof__(quick_exit) quick_exit_2_10;
HOOK_VERSION(quick_exit_2_10, quick_exit, "GLIBC_2.10");
HOOK_EXPORT __attribute__((noreturn)) void quick_exit_2_10(int status)
{
    quick_exit_coming(status);
    REAL(quick_exit_2_10)(status);
    __builtin_unreachable();
}
