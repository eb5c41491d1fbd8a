/* SPDX-License-Identifier: MIT */
/*
 * The second opinion: libunwind in place of our own walk, or beside it.
 *
 * Never a dependency: it is opened at run time, and only when an option asks.
 */
#ifndef FACTS_UNWIND_LIBUNWIND_H
#define FACTS_UNWIND_LIBUNWIND_H

#include <stdatomic.h>
#include <stdbool.h>

#include "preload/facts/unwind.h"

typedef size_t unwind_walker(const struct call_site *site, uint64_t *pcs, size_t max,
                             enum ctt_cut *ret_cut);

/* Our own. */
unwind_walker unwind_walk_recipes;

/* Takes the place of our own when it is not NULL. */
extern _Atomic(unwind_walker *) unwind_other_walker;

static inline bool unwind_is_ours(void)
{
    return atomic_load_explicit(&unwind_other_walker, memory_order_relaxed) == NULL;
}

/* Whether the other one only compares. */
bool unwind_verifies(void);

/* Stacks on which the two differed: the first few, for whoever looks into it. */
#define UNWIND_DIFFERENCES      16u
#define UNWIND_DIFFERENCE_DEPTH 64u

struct unwind_difference {
    uint32_t at; /* the first frame that is not the same */
    uint32_t ours_count, theirs_count;
    uint32_t cut; /* enum ctt_cut of ours */
    uint64_t ours[UNWIND_DIFFERENCE_DEPTH];
    uint64_t theirs[UNWIND_DIFFERENCE_DEPTH];
};

/* The n-th, or NULL. */
const struct unwind_difference *unwind_difference_get(uint32_t n);

#endif
