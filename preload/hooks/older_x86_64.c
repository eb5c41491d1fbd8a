/* SPDX-License-Identifier: MIT */
/*
 * Older versions of hooked functions that behave otherwise than the present
 * ones. A hook without a version serves callers of all, and would give a
 * program that was linked long ago the function of today (hazards.md A5):
 *
 *  - posix_spawn and posix_spawnp before 2.15 run a file that is neither a
 *    program nor begins with #! by /bin/sh;
 *  - quick_exit before 2.24 runs the destructors of thread-local objects;
 *  - conditions before 2.3.2 are pointers;
 *  - timers before 2.3.3 are small numbers, not pointers;
 *  - glob before 2.27 does not call a gl_lstat of the caller's, which did not set it.
 *
 * All other hooked names with several versions are one and the same function
 * under each; a test looks at the libc that is there. The names of versions are
 * the architecture's own, here and in exports.map.
 */
#include <glob.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "preload/hooks/lock.h"
#include "preload/hooks/spawn.h"

#define SPAWNS_OLDER(function, name, searches)                                                     \
    __typeof__(name) function;                                                                     \
    HOOK_VERSION(function, name, "GLIBC_2.2.5");                                                   \
    SPAWN_FUNCTION(function, searches, spawned_by_pid)

SPAWNS_OLDER(posix_spawn_2_2_5, posix_spawn, false)
SPAWNS_OLDER(posix_spawnp_2_2_5, posix_spawnp, true)

#define EXPANDS_OLDER(function, name, type)                                                        \
    __typeof__(name) function;                                                                     \
    HOOK_VERSION(function, name, "GLIBC_2.2.5");                                                   \
    GIVES_BODY(CTT_KIND_HANDLE, DETAIL_PATHS, int, function,                                       \
               (const char *restrict pattern, int flags, int (*failed)(const char *, int),         \
                type *restrict paths),                                                             \
               (pattern, flags, failed, paths), result == 0 && !(flags & GLOB_APPEND), paths)

EXPANDS_OLDER(glob_2_2_5, glob, glob_t)
EXPANDS_OLDER(glob64_2_2_5, glob64, glob64_t)

/* What 2.34 has moved from another library it has under both versions: today's. */
__typeof__(timer_create) timer_create_2_3_3;
__typeof__(timer_delete) timer_delete_2_3_3;
HOOK_VERSION(timer_create_2_3_3, timer_create, "GLIBC_2.3.3");
HOOK_VERSION(timer_delete_2_3_3, timer_delete, "GLIBC_2.3.3");
GIVES_BODY(CTT_KIND_TIMER, DETAIL_TIMER, int, timer_create_2_3_3,
           (clockid_t clock, struct sigevent *restrict event, timer_t *restrict ret_timer),
           (clock, event, ret_timer), result == 0, *ret_timer)
TAKES_IF_BODY(CTT_KIND_TIMER, timer_delete_2_3_3, (timer_t timer), (timer), timer, result != 0)

/* A pointer to what libc allocates for it. */
__typeof__(pthread_cond_init) pthread_cond_init_2_2_5;
__typeof__(pthread_cond_destroy) pthread_cond_destroy_2_2_5;
HOOK_VERSION(pthread_cond_init_2_2_5, pthread_cond_init, "GLIBC_2.2.5");
HOOK_VERSION(pthread_cond_destroy_2_2_5, pthread_cond_destroy, "GLIBC_2.2.5");
MAKES_BODY(DETAIL_CONDITION, pthread_cond_init_2_2_5,
           (pthread_cond_t *restrict condition, const pthread_condattr_t *restrict attributes),
           (condition, attributes), condition)
UNMAKES_BODY(pthread_cond_destroy_2_2_5, (pthread_cond_t * condition), (condition), condition,
             false)

__typeof__(pthread_cond_wait) pthread_cond_wait_2_2_5;
HOOK_VERSION(pthread_cond_wait_2_2_5, pthread_cond_wait, "GLIBC_2.2.5");
HOOK_EXPORT int pthread_cond_wait_2_2_5(pthread_cond_t *restrict condition,
                                        pthread_mutex_t *restrict mutex)
{
    int result;
    BLOCKS(result = REAL_ALONE(pthread_cond_wait_2_2_5)(condition, mutex));
    return result;
}

__typeof__(pthread_cond_timedwait) pthread_cond_timedwait_2_2_5;
HOOK_VERSION(pthread_cond_timedwait_2_2_5, pthread_cond_timedwait, "GLIBC_2.2.5");
HOOK_EXPORT int pthread_cond_timedwait_2_2_5(pthread_cond_t *restrict condition,
                                             pthread_mutex_t *restrict mutex,
                                             const struct timespec *restrict limit)
{
    int result;
    BLOCKS(result = REAL_ALONE(pthread_cond_timedwait_2_2_5)(condition, mutex, limit));
    return result;
}

/* The numbers of the others are below. */
#define OLDER_TIMER(number) (UINT64_C(1) << 62 | (uint32_t)(number))

int timer_create_2_2_5(clockid_t clock, struct sigevent *event, int *ret_timer);
int timer_delete_2_2_5(int timer);
HOOK_VERSION(timer_create_2_2_5, timer_create, "GLIBC_2.2.5");
HOOK_VERSION(timer_delete_2_2_5, timer_delete, "GLIBC_2.2.5");
GIVES_BODY(CTT_KIND_TIMER, DETAIL_TIMER, int, timer_create_2_2_5,
           (clockid_t clock, struct sigevent *event, int *ret_timer), (clock, event, ret_timer),
           result == 0, OLDER_TIMER(*ret_timer))
TAKES_IF_BODY(CTT_KIND_TIMER, timer_delete_2_2_5, (int timer), (timer), OLDER_TIMER(timer),
              result != 0)

__typeof__(quick_exit) quick_exit_2_10;
HOOK_VERSION(quick_exit_2_10, quick_exit, "GLIBC_2.10");
HOOK_EXPORT __attribute__((noreturn)) void quick_exit_2_10(int status)
{
    quick_exit_coming(status);
    REAL(quick_exit_2_10)(status);
    __builtin_unreachable();
}
