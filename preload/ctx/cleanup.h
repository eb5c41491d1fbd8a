/* SPDX-License-Identifier: MIT */
/*
 * What is known of pending cleanups and tries (ctxtrace_defer.h): a copy of each, for the frames
 * in which they lie may be gone.
 *
 * Those of frames on a thread's own stack are in the thread's registry. What lies elsewhere (a
 * coroutine, a signal stack) is in one table for all threads, because it may be resumed by
 * another one. Addresses are compared within one stack only (chain.c).
 */
#ifndef CTXTRACE_CTX_CLEANUP_H
#define CTXTRACE_CTX_CLEANUP_H

#include "preload/ctx/internal.h"

/* Where the caller's frame ends: what lies below it, on its stack, is gone. Only in functions
 * that are not inlined. */
#define CALLER_SP() ((uintptr_t)__builtin_dwarf_cfa())
#define NOINLINE    __attribute__((noinline))

struct cleanup {
    void *entry;           /* the record, in its frame; NULL: it is over */
    void (*fn)(void *arg); /* NULL: of a try */
    void *arg;
    const struct ctxtrace_site *site;
    uintptr_t frame;       /* __builtin_frame_address(0): a variable may lie elsewhere (ASan) */
    const void *called_by; /* where the frame's function returns to */
};

/* The calls that lead here, as far as they are on the same stack. */
#define CALLS_KNOWN 128u /* of the innermost ones, each */
struct chain {
    uintptr_t end;
    bool is_whole; /* it ends as a thread's does */
    uint32_t known;
    struct call {
        uintptr_t end; /* of its frame, where the caller's begins */
        const void *called_by;
    } calls[CALLS_KNOWN];
};

/* Which frames lead to the caller: of those from `from` to below `to`, the ones of the chain. */
struct reach {
    uintptr_t from, to;
    uintptr_t further; /* perhaps to here, where the unwinder lost them; 0: no */
    struct chain chain;
};

/* ---- chain.c ---- */

void libctx_chain(struct chain *ret_chain, uintptr_t stack, uintptr_t stack_bytes);
/* Whether the row's frame is that of a call in the chain; true for what is beyond the known. */
bool libctx_chain_has(const struct chain *chain, const struct cleanup *row);

/* ---- registry.c ---- */

#define NOWHERE   UINT32_MAX /* no room: it is not known */
#define ELSEWHERE (UINT32_MAX - 1)

/* Its place. `caller` is the CALLER_SP of who was called by the program. Not as a struct: what
 * was just stored in parts is slow to load as a whole. */
uint32_t libctx_registry_add(void *entry, const struct ctxtrace_site *site, const void *frame,
                             const void *called_by, void (*fn)(void *arg), void *arg,
                             uintptr_t caller);
/* It is over; nothing when it was taken for skipped. */
void libctx_registry_take(const void *entry, uint32_t place, uintptr_t caller);
void libctx_registry_reach(uintptr_t caller, struct reach *ret_reach);
#define LATEST UINT64_MAX
/* The latest of the reach before *cursor, which begins as LATEST; false when there is none. */
bool libctx_registry_before(const struct reach *reach, uint64_t *cursor, struct cleanup *ret_row);
/* One that never ran and never will. */
void libctx_skipped(const struct cleanup *row);

/* ---- defer.c ---- */

/* Of one that has not run. */
void libctx_cleanup_run(ctxtrace_deferred_t *deferred, uintptr_t caller);

/* ---- elsewhere.c ---- */

/* False without room. */
bool libctx_elsewhere_put(const struct cleanup *row);
void libctx_elsewhere_take(const void *entry);
bool libctx_elsewhere_before(const struct reach *reach, uint64_t *cursor, struct cleanup *ret_row);

#endif
