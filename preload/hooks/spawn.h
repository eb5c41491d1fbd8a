/* SPDX-License-Identifier: MIT */
/*
 * The body of the posix_spawn family, for each version of each function that
 * libc has: process.c makes the present ones, older_x86_64.c the older ones.
 */
#ifndef HOOKS_SPAWN_H
#define HOOKS_SPAWN_H

#include <spawn.h>

#include "preload/hooks/exec.h"
#include "preload/hooks/family.h"

/* A local pid stands in where the caller wants none. */
#define SPAWN_FUNCTION(function, searches)                                                         \
    HOOK_EXPORT int function(pid_t *restrict ret_pid, const char *restrict file,                   \
                             const posix_spawn_file_actions_t *restrict actions,                   \
                             const posix_spawnattr_t *restrict attributes,                         \
                             char *const argv[restrict], char *const envp[restrict])               \
    {                                                                                              \
        struct exec_target target = {.file = file, .search = searches};                            \
        struct exec_plan plan;                                                                     \
        exec_plan_start(&plan, &target, envp);                                                     \
        char *const *environment = EXEC_ENVIRONMENT(&plan, envp);                                  \
        if (!guard_may_record(GUARD_FRAME()))                                                      \
            return REAL(function)(ret_pid, file, actions, attributes, argv, environment);          \
        struct call_site site = CALL_SITE();                                                       \
        pid_t pid = 0;                                                                             \
        pid_t *where = ret_pid ? ret_pid : &pid;                                                   \
        child_coming();                                                                            \
        int error = REAL(function)(where, file, actions, attributes, argv, environment);           \
        child_acquired(&hook_##function, &site, error ? -error : *where, DETAIL_SPAWN);            \
        return error;                                                                              \
    }

#endif
