/* SPDX-License-Identifier: MIT */
/*
 * How late what one stack acquired was given back, as a histogram (struct ctt_late).
 *
 * Kept only for stacks of which something came late: it is made with the first, by
 * releases.c, which says what is late. Any thread adds, without a lock.
 */
#ifndef FACTS_LATENESS_H
#define FACTS_LATENESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ctt_late;
struct lateness;

/* The one at `place`, made when there is none. NULL: no room, counted. */
struct lateness *lateness_at(_Atomic(struct lateness *) *place, uint32_t stack);

void lateness_add(struct lateness *lateness, uint64_t late_ns);
/* It was acquired when its context had ended already. */
void lateness_add_acquired_after(struct lateness *lateness);

/* All but the kind. False: nothing has come late. */
bool lateness_read(const struct lateness *lateness, struct ctt_late *ret_late);
/* From NULL to NULL: all that there are. */
const struct lateness *lateness_next(const struct lateness *lateness);

/* In a fork child: what came late came late in its parent. */
void lateness_forked(void);

#endif
