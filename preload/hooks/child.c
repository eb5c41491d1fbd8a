/* SPDX-License-Identifier: MIT */
/*
 * Children collected: the wait family. A child is given back when its end was
 * reported and not left to be reported again; a stop or a continuation is not
 * an end.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "preload/hooks/family.h"

pid_t __wait(int *ret_status);
pid_t __waitpid(pid_t pid, int *ret_status, int options);

static bool is_end_of_one(pid_t pid, int status)
{
    return pid > 0 && (WIFEXITED(status) || WIFSIGNALED(status));
}

/* A status of ours stands in where the caller wants none. */
#define COLLECTS(function, params, args)                                                           \
    HOOK(function);                                                                                \
    HOOK_EXPORT pid_t function params                                                              \
    {                                                                                              \
        int own = 0;                                                                               \
        int *status = ret_status ? ret_status : &own;                                              \
        pid_t collected;                                                                           \
        BLOCKS(collected = REAL(function) args);                                                   \
        if (is_end_of_one(collected, collected > 0 ? *status : 0) &&                               \
            guard_may_record(GUARD_FRAME())) {                                                     \
            struct call_site site = CALL_SITE();                                                   \
            child_collected(&hook_##function, &site, collected);                                   \
        }                                                                                          \
        return collected;                                                                          \
    }

COLLECTS(wait, (int *ret_status), (status))
COLLECTS(__wait, (int *ret_status), (status))
COLLECTS(waitpid, (pid_t pid, int *ret_status, int options), (pid, status, options))
COLLECTS(__waitpid, (pid_t pid, int *ret_status, int options), (pid, status, options))
COLLECTS(wait3, (int *ret_status, int options, struct rusage *usage), (status, options, usage))
COLLECTS(wait4, (pid_t pid, int *ret_status, int options, struct rusage *usage),
         (pid, status, options, usage))

static bool is_end(const siginfo_t *info)
{
    return info->si_pid && (info->si_code == CLD_EXITED || info->si_code == CLD_KILLED ||
                            info->si_code == CLD_DUMPED);
}

HOOK(waitid);
HOOK_EXPORT int waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options)
{
    siginfo_t own = {.si_pid = 0};
    siginfo_t *info = ret_info ? ret_info : &own;
    int result;
    BLOCKS(result = REAL(waitid)(type, id, info, options));
    if (result == 0 && !(options & WNOWAIT) && is_end(info) && guard_may_record(GUARD_FRAME())) {
        struct call_site site = CALL_SITE();
        child_collected(&hook_waitid, &site, info->si_pid);
    }
    return result;
}
