/* SPDX-License-Identifier: MIT */
/*
 * How many of what one stack acquired are held, from time to time (struct ctt_series):
 * whether that grows.
 *
 * There is no task that looks: each acquisition that has a round number looks whether it is
 * time for the next point, so that an idle stack has no growth and costs nothing. A point
 * is acquisitions less releases, as far as hooks saw them; whoever judges compares the end
 * with what is really held. Of memory releases are known only with the option frees, and
 * acquisitions only where they are added up (tally.h), of which some are always to come.
 */
#ifndef FACTS_SERIES_H
#define FACTS_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/stack.h"

struct ctt_series;

#define SERIES_STEP 4u /* acquisitions from one that looks to the next */

extern _Atomic bool series_are_of_memory;

/* What series_note does when it may be time for a point. */
void series_look(uint32_t stack, uint64_t acquired);

/* `stack` has acquired `before` things until now, and then `more`. Any thread, also in a
 * signal handler. */
static inline void series_note(uint32_t stack, uint64_t before, uint64_t more)
{
    if (__builtin_expect(before / SERIES_STEP != (before + more) / SERIES_STEP, 0))
        series_look(stack, before + more);
}

/* The same of blocks of memory. */
static inline void series_note_memory(uint32_t stack, uint64_t before, uint64_t more)
{
    if (__builtin_expect(atomic_load_explicit(&series_are_of_memory, memory_order_relaxed), 0))
        series_note(stack, before, more);
}

/* All but stack and kind, beside running threads. False: there is none, or no moment could
 * be found at which it was not being written. */
bool series_read(uint32_t stack, struct ctt_series *ret_series);

/* In a fork child, in which all begins anew. */
void series_forked(void);

#endif
