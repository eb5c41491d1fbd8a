/* SPDX-License-Identifier: MIT */
/*
 * The body of the posix_spawn family, for each version of each function that
 * libc has: process.c makes the present ones, older_x86_64.c the older ones,
 * newer_x86_64.c those that give a descriptor of the child instead of its pid.
 */
#ifndef HOOKS_SPAWN_H
#define HOOKS_SPAWN_H

#include <errno.h>
#include <spawn.h>

#include "preload/hooks/exec.h"
#include "preload/hooks/family.h"

static inline void spawned_by_pid(struct hook *hook, const struct call_site *site, int error,
                                  pid_t pid)
{
    child_acquired(hook, site, error ? -error : pid, DETAIL_SPAWN);
}

/* `spawned` enters what the call has given. A local one stands in where the caller
 * wants none. */
#define SPAWN_FUNCTION(function, searches, spawned)                                                \
    HOOK_EXPORT int function(int *restrict ret_child, const char *restrict file,                   \
                             const posix_spawn_file_actions_t *restrict actions,                   \
                             const posix_spawnattr_t *restrict attributes,                         \
                             char *const argv[restrict], char *const envp[restrict])               \
    {                                                                                              \
        __typeof__(&function) real = REAL(function);                                               \
        if (!real)                                                                                 \
            return ENOSYS;                                                                         \
        struct exec_target target = {.file = file, .search = searches};                            \
        struct exec_plan plan;                                                                     \
        exec_plan_start(&plan, &target, envp);                                                     \
        char *const *environment = EXEC_ENVIRONMENT(&plan, envp);                                  \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return real(ret_child, file, actions, attributes, argv, environment);                  \
        struct call_site site = CALL_SITE();                                                       \
        int child = 0;                                                                             \
        int *where = ret_child ? ret_child : &child;                                               \
        child_coming();                                                                            \
        int error = real(where, file, actions, attributes, argv, environment);                     \
        if (!error && !actions)                                                                    \
            exec_leaks_look(&hook_##function, &site);                                              \
        spawned(&hook_##function, &site, error, *where);                                           \
        return error;                                                                              \
    }

#endif
