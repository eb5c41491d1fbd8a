/* SPDX-License-Identifier: MIT */
/*
 * Where, and how late, what one stack acquired was given back: what explains its
 * siblings that were not.
 *
 * Called by hooks that have captured the stack of a release anyhow, or can afford
 * to: never by free(). A stack has a row of its own from its first release on, in
 * chunks that never move. It keeps the first few places, each a release's stack,
 * with a count; the others fall together. Lateness is looked at only where another
 * context than the releasing thread's own acquired, and is counted only when that
 * context had ended; how late it was is kept of contexts that the program declared
 * (lateness.h), by the thread that is at work in one, too.
 */
#ifndef FACTS_RELEASES_H
#define FACTS_RELEASES_H

#include "preload/facts/holding.h"

struct stack_note;

/* `was` has been given back at the stack `at`; STACK_NONE: it went by itself. Any
 * thread, also in a signal handler. */
void release_note(const struct holding_copy *was, uint32_t at);

/* Fills in what is kept of `stack`: the last fields of the record, with stacks as
 * the tracker numbers them. */
void releases_read(uint32_t stack, struct ctt_site *site);

/* How many have been given back: the lower 32 bits. */
uint32_t releases_count(const struct stack_note *note);

#endif
