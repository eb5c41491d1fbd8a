/* SPDX-License-Identifier: MIT */
/*
 * The tracker's contexts: a table of tree nodes, whose slots are used again.
 *
 * Number 1 is the process. Each thread gets one whose parent is its creator's
 * active context. The active context of a thread is `self.context`: charging
 * an acquisition costs one load. Sources of contexts (threads, libctx, scopes)
 * make one, enter it (task_enter), end it, and drop it when neither they nor a
 * thread that is in it will come back to it; nothing else in the tracker knows
 * them.
 *
 * Holdings name their context by a u32 and are not counted, so nobody knows at
 * an end or a release whether the context is still named. books/sweep.c finds
 * out, and says why what it gives back cannot be blamed for another's
 * holdings. Its second line of defence is here: an id is a slot and the number
 * of its use, so that an id which was kept somewhere unseen names nothing
 * afterwards, not the next context in that slot.
 */
#ifndef FACTS_CONTEXT_H
#define FACTS_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"

#define CONTEXT_NONE    0u
#define CONTEXT_PROCESS 1u

#define CONTEXT_SLOT_BITS 21u /* two million not yet reclaimed, at most */
#define CONTEXT_SLOTS     (1u << CONTEXT_SLOT_BITS)
#define CONTEXT_SLOT(id)  ((id) & (CONTEXT_SLOTS - 1))

struct context {
    _Atomic uint32_t id; /* 0: free, or being filled */
    uint32_t parent;
    uint32_t task; /* that made it */
    uint32_t created_stack;
    uint32_t ended_stack;
    uint8_t kind;          /* enum ctt_context_kind */
    _Atomic uint8_t state; /* enum ctt_context_state; published last at the end */
    _Atomic uint8_t kept;  /* its source has not dropped it */
    _Atomic uint8_t flags; /* enum ctt_context_flags */
    uint8_t idle;          /* the sweep's: how many in a row found it unnamed */
    uint16_t uses;         /* of the slot */
    _Atomic uint32_t next_free;
    uint64_t created_ns;
    _Atomic uint64_t ended_ns; /* CTT_NEVER while active */
    uint64_t end_number;       /* this was the process's n-th end of a context */
    _Atomic uint64_t handle;   /* the word that whoever may end it has (libctx's); 0: not told */
    const char *name;          /* NULL, or for ever */
};

/* A context as it was at one moment. */
struct context_copy {
    uint32_t id, parent, task, created_stack, ended_stack;
    uint8_t kind, state, flags;
    uint64_t created_ns, ended_ns, end_number;
    const char *name;
};

/* Whether a program has declared any (CTT_CONTEXT_CTX). */
extern _Atomic bool contexts_declared;

/* Enters the process's own context. Once; others may be made before. */
void context_begin(void);
/* The new context's id; CONTEXT_NONE when there is no room (counted): then the
 * parent stands for it, and must not be ended or dropped in its place. */
uint32_t context_new(enum ctt_context_kind kind, uint32_t parent, uint32_t stack, const char *name);
/* The first end wins; later ones change nothing. Before the drop. */
void context_end(uint32_t id, enum ctt_context_state state, uint32_t stack);
/* enum ctt_context_flags, by its source: set for good. */
void context_set_flags(uint32_t id, uint8_t flags);
/* By its source, once, last of all: the id may only be found in the books now. */
void context_drop(uint32_t id);
/* For its source alone, until the drop. NULL for an id that is none. */
struct context *context_get(uint32_t id);
/* For everybody, beside all of this. False for an id that is none (any more). */
bool context_read(uint32_t id, struct context_copy *ret_copy);
/* How many contexts have ended until now: see end_number. */
uint64_t context_ends(void);
/* In a fork child: none of them was made or ended here. */
void context_forked(void);

/* ---- for snapshots and for the sweep: by slot, 1 .. context_slots() - 1 ---- */

uint32_t context_slots(void);
/* NULL where no context ever was. */
struct context *context_slot(uint32_t slot);
/* Gives back the slot of a context that nothing names. */
void context_reclaim(struct context *context);
/* All that there are, into a state file that has just been begun. */
void contexts_mirror(void);
/* Contexts asked for so far, also in vain, and whether the next one has no
 * slot to use again. */
uint64_t context_asked(void);
bool context_none_free(void);

#endif
