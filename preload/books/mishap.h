/* SPDX-License-Identifier: MIT */
/*
 * Mishaps: failed or illegal calls, one record for each (what, where, earlier
 * where), counted. The table is small, fixed and insert-only; beyond it
 * mishaps are only counted.
 */
#ifndef BOOKS_MISHAP_H
#define BOOKS_MISHAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"

#define MISHAP_MAX 1024u

struct mishap {
    _Atomic uint32_t ready;
    struct ctt_mishap fact; /* first_ns .. live and handle may still move */
    _Atomic uint64_t count;
    _Atomic uint64_t last_ns;
    _Atomic uint64_t last_handle;
};

/* `fact` needs id, kind, handle, stack and whatever of the rest is known;
 * task and times are filled in here, and the context where none is given. */
void mishap_note(struct ctt_mishap fact);
/* What was noted of this kind at this place was none after all (a loop that
 * closes every number there is). */
void mishap_withdraw(enum ctt_mishap_id id, uint32_t stack);
/* One that was noted with the same words was none after all. */
void mishap_take_back(struct ctt_mishap fact);
/* In a fork child: what happened was the parent's. */
void mishaps_forget(void);
/* All of them, into a state file that has just been begun. */
void mishaps_mirror(void);
/* How many different ones there are. */
uint32_t mishap_count(void); /* without failed closes, which are nobody's mistake */
/* Copies record i; false past the end. */
bool mishap_read(uint32_t i, struct ctt_mishap *ret_fact);

#endif
