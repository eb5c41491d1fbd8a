/* SPDX-License-Identifier: MIT */
/*
 * x86-64: a walk in the making, for those who go on from where it stands
 * (unwind_memo.c). Everybody else calls unwind_walk.
 */
#ifndef FACTS_UNWIND_WALK_H
#define FACTS_UNWIND_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/facts/unwind.h"
#include "preload/ground/room.h"

/* Beside enum ctt_cut: start over, tracking rbx; the walk is where `join` is. */
#define WALK_AGAIN ((enum ctt_cut)CTT_CUT_COUNT)
#define WALK_MEETS ((enum ctt_cut)(CTT_CUT_COUNT + 1))

struct tracked {
    uintptr_t value;
    bool known;
};

struct walk {
    uintptr_t pc, sp;
    struct tracked fp, bx;
    struct room_range stack;
    bool exact; /* pc was interrupted: not a return address */
    bool odd;   /* it went through a signal, or lost fp: no memo is kept of it */
    /* The innermost frame of the last walk, or further out, that this one may
     * still come to; those before it in memory lie further out, and the last
     * has an sp above all. */
    const struct memo_frame *join;
};

void walk_begin(struct walk *w, const struct call_site *site);

/* Goes on for at most `max` frames. Returns how many pcs and steps were written;
 * *ret_cut is WALK_MEETS, WALK_AGAIN or why the walk ended, and `w` is where it
 * stands (pc 0: the last step found the outermost end). */
size_t walk_on(struct walk *w, uint64_t *pcs, struct walk_step *steps, size_t max,
               enum ctt_cut *ret_cut);

#endif
