/* SPDX-License-Identifier: MIT */
/*
 * Locks (locks=on). Off, the hooks of those that are taken often are a look at one flag
 * and a jump.
 *
 * Here are the shapes for making and unmaking what threads meet at: handles of the
 * program's own memory, listed beside the others (handle.h).
 */
#ifndef HOOKS_LOCK_H
#define HOOKS_LOCK_H

#include "preload/hooks/handle.h"

extern _Atomic bool lock_watching;

static inline bool lock_is_watching(void)
{
    return __builtin_expect(atomic_load_explicit(&lock_watching, memory_order_relaxed), 0);
}

/* The handlers of a fork lock and make locks, too, and those that come before ours find
 * the table locked by this very thread. */
static inline bool lock_may_record(uintptr_t frame)
{
    return lock_is_watching() && guard_may_record(frame) && !keys_are_held();
}

/* At the program's start, when the option says so. */
void lock_watch(void);
/* The calling thread is about to end. */
void lock_thread_ending(void);
/* A block of memory is about to be freed (D24). */
void lock_freeing(const struct call_site *site, uint64_t begin, uint64_t bytes);
/* D24: `error` is what the call says of it, or 0; `was` is where it was locked, or NULL. */
void lock_misused(struct hook *hook, const struct call_site *site, enum ctt_mishap_id id,
                  const void *lock, int error, const struct holding_copy *was);

#define MAKES_BODY(detail, function, params, args, object)                                         \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        int result = REAL_ALONE(function) args;                                                    \
        if (result == 0 && lock_may_record(GUARD_FRAME())) {                                       \
            struct call_site site = CALL_SITE();                                                   \
            lock_made((const void *)(object));                                                     \
            handle_given(&hook_##function, &site, CTT_KIND_HANDLE, detail,                         \
                         (uint64_t)(uintptr_t)(object));                                           \
        }                                                                                          \
        return result;                                                                             \
    }

/* `is_locked` looks whether it may be unmade. One that is locked is seldom unmade: libc
 * refuses that (EBUSY), and few callers look. */
#define UNMAKES_BODY(function, params, args, object, is_locked)                                    \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        if (!lock_may_record(GUARD_FRAME()))                                                       \
            return REAL_ALONE(function) args;                                                      \
        struct call_site site = CALL_SITE();                                                       \
        struct hook *hook = &hook_##function;                                                      \
        struct holding_copy was;                                                                   \
        bool locked = is_locked;                                                                   \
        bool had = key_take(CTT_KIND_HANDLE, (uint64_t)(uintptr_t)(object), &was);                 \
        int result = REAL_ALONE(function) args;                                                    \
        if (locked)                                                                                \
            lock_destroyed(hook, &site, object, result);                                           \
        if (had && result != 0)                                                                    \
            key_enter(&was);                                                                       \
        else if (had)                                                                              \
            handle_taken(hook, &site, &was);                                                       \
        return result;                                                                             \
    }

void lock_destroyed(struct hook *hook, const struct call_site *site, const void *lock, int result);
/* Made anew: whatever the books have locked there was another. */
void lock_made(const void *lock);

#endif
