/* SPDX-License-Identifier: MIT */
/*
 * Acquisition stacks, interned: one u32 id for each distinct stack, for the
 * life of the process.
 *
 * The table is an insert-only tree: a node is (parent id, pc), the path from a
 * root to a node is a stack, the node's id is the stack's. The innermost node
 * is not a return address but the entry of the real function that acquired
 * (open64, malloc): reports want it as the first frame, and siblings (malloc
 * and realloc called from one line) stay apart. The roots stand for the ways in
 * which a walk can end (enum ctt_cut). Nodes are pushed by CAS: no lock to hold
 * at fork or in a signal handler. Full: every new stack gets STACK_OVERFLOW.
 */
#ifndef FACTS_STACK_H
#define FACTS_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/unwind.h"
#include "preload/ground/mirror.h"
#include "preload/ground/room.h"

/* Option stack_depth: return addresses kept of a stack, ROOM_WALK_DEPTH at most. */
extern _Atomic uint32_t stack_depth_limit;

#define STACK_NONE     0u
#define STACK_OVERFLOW 1u /* then one root for each enum ctt_cut */

/* Captures and interns. `entry` is the real function's address. Returns
 * STACK_NONE when a signal interrupted a capture on this very thread (counted)
 * or stacks are off. Keeps errno. */
uint32_t stack_capture(const struct call_site *site, const void *entry);

/* The same of an instruction that was interrupted: it is the innermost frame itself. */
uint32_t stack_capture_interrupted(const struct call_site *interrupted);

/* A stack frame by frame, outermost first: the root for how the walk ended, and,
 * inwards of all return addresses, what was called last. STACK_OVERFLOW stays
 * what it is, and is counted at the leaf. */
uint32_t stack_root(enum ctt_cut cut);
uint32_t stack_leaf(uint32_t parent, const void *entry);
/* In between: frames[0] has its id, the `count` after it get theirs. */
void stack_extend(struct memo_frame *frames, size_t count);

/* Interns a walk already made (tests, other unwinders). pcs innermost first. */
uint32_t stack_intern(const uint64_t *pcs, size_t count, enum ctt_cut cut, const void *entry);

/* The stack's pcs as CTT_STACK has them, innermost first: pcs[0] is the entry.
 * Returns how many (at most max), 0 for an id that is none. Wait-free, safe
 * beside concurrent captures. */
size_t stack_pcs(uint32_t id, uint64_t *pcs, size_t max, enum ctt_cut *ret_cut);

/* Ids are 1 .. stack_limit() - 1, densely. */
uint32_t stack_limit(void);

/* What became of all that this stack acquired: `acquired` counts acquisitions,
 * `bytes` their sizes. Released = acquired - live, which a snapshot knows.
 * NULL for STACK_NONE. */
struct stack_tally {
    _Atomic uint64_t acquired;
    _Atomic uint64_t bytes;
};
struct stack_tally *stack_tally(uint32_t id);

/* The same for what is asked or told less often. */
struct stack_note {
    _Atomic uint32_t kind;               /* of the last acquisition; 0: memory */
    _Atomic uint32_t released_stack;     /* of the last release, where it is kept */
    _Atomic(struct releases *) releases; /* releases.c; NULL: none yet */
    _Atomic(struct series *) series;     /* series.c; NULL: none yet */
};
struct stack_note *stack_note(uint32_t id);

/* After either has changed: the row of the state file (releases.c). */
void stack_mirror_tally_now(uint32_t id);
static inline void stack_mirror_tally(uint32_t id)
{
    if (mirror_is_on())
        stack_mirror_tally_now(id);
}
/* All that there are, into a state file that has just been begun. */
void stacks_mirror(void);

#endif
