/* SPDX-License-Identifier: MIT */
/*
 * Calls after which the process is no longer who or where it was: a reporter
 * that is at work has to finish before, with the rights and the root directory
 * that it began with (hazards.md C13).
 */
#include <grp.h>
#include <sched.h>
#include <unistd.h>

#include "preload/hooks/family.h"

int pivot_root(const char *new_root, const char *put_old);

#define SETTLES(function, params, args)                                                            \
    HOOK(function);                                                                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        if (!guard_is_vforked())                                                                   \
            NOTIFY(settle);                                                                        \
        return REAL(function) args;                                                                \
    }

SETTLES(setuid, (uid_t user), (user))
SETTLES(setgid, (gid_t group), (group))
SETTLES(seteuid, (uid_t user), (user))
SETTLES(setegid, (gid_t group), (group))
SETTLES(setreuid, (uid_t real, uid_t effective), (real, effective))
SETTLES(setregid, (gid_t real, gid_t effective), (real, effective))
SETTLES(setresuid, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved))
SETTLES(setresgid, (gid_t real, gid_t effective, gid_t saved), (real, effective, saved))
SETTLES(setgroups, (size_t count, const gid_t *groups), (count, groups))
SETTLES(initgroups, (const char *user, gid_t group), (user, group))
SETTLES(unshare, (int flags), (flags))
SETTLES(setns, (int fd, int type), (fd, type))
SETTLES(chroot, (const char *path), (path))
SETTLES(pivot_root, (const char *new_root, const char *put_old), (new_root, put_old))
