/* SPDX-License-Identifier: MIT */
/*
 * Shapes of hooks for what one function gives and another takes back, known by a number
 * or an address (books/keytable.h). Each is a whole hook but for its name in libc's
 * version: handle.c and object.c make the present ones, older_x86_64.c the older.
 */
#ifndef HOOKS_HANDLE_H
#define HOOKS_HANDLE_H

#include "preload/hooks/family.h"

void handle_given(struct hook *hook, const struct call_site *site, enum ctt_kind_id kind,
                  enum holding_detail detail, uint64_t handle);
/* What was taken out has been given back. */
void handle_taken(struct hook *hook, const struct call_site *site, const struct holding_copy *was);

/* `handle` is what the call has made, where `good` holds; both may name `result`. */
#define GIVES(kind, detail, ret, function, params, args, good, handle)                             \
    HOOK(function);                                                                                \
    GIVES_BODY(kind, detail, ret, function, params, args, good, handle)
#define GIVES_BODY(kind, detail, ret, function, params, args, good, handle)                        \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        ret result; /* getaddrinfo asks the network */                                             \
        BLOCKS(result = REAL(function) args);                                                      \
        if ((good) && guard_may_record(GUARD_FRAME())) {                                           \
            struct call_site site = CALL_SITE();                                                   \
            handle_given(&hook_##function, &site, kind, detail, (uint64_t)(uintptr_t)(handle));    \
        }                                                                                          \
        return result;                                                                             \
    }

/* The call takes it back, always. */
#define TAKES(kind, function, params, args, handle)                                                \
    HOOK(function);                                                                                \
    HOOK_EXPORT void function params                                                               \
    {                                                                                              \
        struct holding_copy was;                                                                   \
        if (guard_may_record(GUARD_FRAME()) &&                                                     \
            key_take(kind, (uint64_t)(uintptr_t)(handle), &was)) {                                 \
            struct call_site site = CALL_SITE();                                                   \
            handle_taken(&hook_##function, &site, &was);                                           \
        }                                                                                          \
        REAL(function) args;                                                                       \
    }

/* The call may fail, and then has not. */
#define TAKES_IF(kind, function, params, args, handle, failed)                                     \
    HOOK(function);                                                                                \
    TAKES_IF_BODY(kind, function, params, args, handle, failed)
#define TAKES_IF_BODY(kind, function, params, args, handle, failed)                                \
    HOOK_EXPORT int function params                                                                \
    {                                                                                              \
        struct holding_copy was;                                                                   \
        if (!guard_may_record(GUARD_FRAME()) ||                                                    \
            !key_take(kind, (uint64_t)(uintptr_t)(handle), &was))                                  \
            return REAL(function) args;                                                            \
        struct call_site site = CALL_SITE();                                                       \
        int result = REAL(function) args;                                                          \
        if (failed)                                                                                \
            key_enter(&was);                                                                       \
        else                                                                                       \
            handle_taken(&hook_##function, &site, &was);                                           \
        return result;                                                                             \
    }

#endif
