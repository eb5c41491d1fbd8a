/* SPDX-License-Identifier: MIT */
/*
 * Handles of what the kernel or libc keeps apart from the caller: timers, named
 * semaphores, and the attributes that a spawn is prepared with.
 *
 * A process has one of each named semaphore, however often it is opened, and gives
 * it back when it has been closed as often: a holding stands for all of them, at the
 * place of the first.
 */
#include <fcntl.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdarg.h>
#include <time.h>

#include "preload/hooks/handle.h"

/* ---- timers: hidden threads of libc's belong to some (SIGEV_THREAD) ---- */

GIVES(CTT_KIND_TIMER, DETAIL_TIMER, int, timer_create,
      (clockid_t clock, struct sigevent *restrict event, timer_t *restrict ret_timer),
      (clock, event, ret_timer), result == 0, *ret_timer)
TAKES_IF(CTT_KIND_TIMER, timer_delete, (timer_t timer), (timer), timer, result != 0)

/* ---- named semaphores ---- */

HOOK(sem_open);
HOOK_EXPORT sem_t *sem_open(const char *name, int flags, ...)
{
    mode_t mode = 0;
    unsigned value = 0;
    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        value = va_arg(more, unsigned);
        va_end(more);
    }
    sem_t *semaphore = REAL(sem_open)(name, flags, mode, value);
    uint64_t handle = (uint64_t)(uintptr_t)semaphore;
    if (semaphore != SEM_FAILED && guard_may_record(GUARD_FRAME()) &&
        !key_again(CTT_KIND_HANDLE, handle)) {
        struct call_site site = CALL_SITE();
        handle_given(&hook_sem_open, &site, CTT_KIND_HANDLE, DETAIL_SEMAPHORE, handle);
    }
    return semaphore;
}

TAKES_IF(CTT_KIND_HANDLE, sem_close, (sem_t * semaphore), (semaphore), semaphore, result != 0)

/* ---- what a spawn is prepared with: in the program's own memory ---- */

GIVES(CTT_KIND_HANDLE, DETAIL_SPAWN_ACTIONS, int, posix_spawn_file_actions_init,
      (posix_spawn_file_actions_t * actions), (actions), result == 0, actions)
TAKES_IF(CTT_KIND_HANDLE, posix_spawn_file_actions_destroy, (posix_spawn_file_actions_t * actions),
         (actions), actions, result != 0)
GIVES(CTT_KIND_HANDLE, DETAIL_SPAWN_ATTRIBUTES, int, posix_spawnattr_init,
      (posix_spawnattr_t * attributes), (attributes), result == 0, attributes)
TAKES_IF(CTT_KIND_HANDLE, posix_spawnattr_destroy, (posix_spawnattr_t * attributes), (attributes),
         attributes, result != 0)
