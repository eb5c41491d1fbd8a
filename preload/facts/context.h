/* SPDX-License-Identifier: MIT */
/*
 * The tracker's contexts: a table of tree nodes, never reused.
 *
 * Number 1 is the process. Each thread gets one whose parent is its creator's
 * active context. The active context of a thread is `self.context`: charging
 * an acquisition costs one load. Sources of contexts (libctx, scopes) call
 * context_new and set `self.context`; nothing else in the tracker knows them.
 */
#ifndef FACTS_CONTEXT_H
#define FACTS_CONTEXT_H

#include <stdatomic.h>
#include <stdint.h>

#include "preload/format.h"

#define CONTEXT_NONE    0u
#define CONTEXT_PROCESS 1u

struct context {
    uint32_t parent;
    uint32_t created_stack;
    uint8_t kind;          /* enum ctt_context_kind */
    _Atomic uint8_t state; /* enum ctt_context_state; published last at the end */
    _Atomic uint8_t ready;
    _Atomic uint8_t flags; /* enum ctt_context_flags */
    uint32_t ended_stack;
    uint64_t created_ns;
    _Atomic uint64_t ended_ns; /* CTT_NEVER while active */
    const char *name;          /* NULL, or for ever */
};

/* Enters the process's own context. Once; others may be made before. */
void context_begin(void);
/* The new context's id; the parent's own when there is no room (counted). */
uint32_t context_new(enum ctt_context_kind kind, uint32_t parent, uint32_t stack, const char *name);
/* The first end wins; later ones change nothing. */
void context_end(uint32_t id, enum ctt_context_state state, uint32_t stack);
/* NULL for an id that is none. */
struct context *context_get(uint32_t id);
uint32_t context_limit(void);

#endif
