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

/* At the program's start, when the option says so. */
void lock_watch(void);
/* A block of memory is about to be freed (D24). */
void lock_freeing(const struct call_site *site, void *block);
/* D24: `was` is where it was locked, or NULL. */
void lock_misused(struct hook *hook, const struct call_site *site, enum ctt_mishap_id id,
                  const void *lock, const struct holding_copy *was);

#define MAKES_BODY(detail, function, params, args, object)                                         \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        int result = REAL_ALONE(function) args;                                                    \
        if (result == 0 && lock_is_watching() && guard_may_record(GUARD_FRAME())) {                \
            struct call_site site = CALL_SITE();                                                   \
            handle_given(&hook_##function, &site, CTT_KIND_HANDLE, detail,                         \
                         (uint64_t)(uintptr_t)(object));                                           \
        }                                                                                          \
        return result;                                                                             \
    }

/* `checked` looks whether it may be unmade. */
#define UNMAKES_BODY(function, params, args, object, checked)                                      \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        if (!lock_is_watching() || !guard_may_record(GUARD_FRAME()))                               \
            return REAL_ALONE(function) args;                                                      \
        struct call_site site = CALL_SITE();                                                       \
        struct hook *hook = &hook_##function;                                                      \
        struct holding_copy was;                                                                   \
        checked;                                                                                   \
        bool had = key_take(CTT_KIND_HANDLE, (uint64_t)(uintptr_t)(object), &was);                 \
        int result = REAL_ALONE(function) args;                                                    \
        if (had && result != 0)                                                                    \
            key_enter(&was);                                                                       \
        else if (had)                                                                              \
            handle_taken(hook, &site, &was);                                                       \
        return result;                                                                             \
    }

#endif
