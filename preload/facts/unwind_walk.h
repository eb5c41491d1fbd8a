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
#include "preload/facts/unwind_bounds.h"
#include "preload/facts/unwind_memo.h"
#include "preload/facts/unwind_recipe.h"
#include "preload/ground/room.h"

#define WORD_BYTES 8

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
    bool exact;            /* pc was interrupted: not a return address */
    uintptr_t interrupted; /* then: where the kernel put the registers */
    /* It went through a signal, lost fp, or found its way by other words than
     * most: no memo is kept of it. */
    bool odd;
    /* The innermost frame of the last walk, or further out, that this one may
     * still come to; those before it in memory lie further out, and the last
     * has an sp above all. */
    const struct memo_frame *join;
};

extern const struct memo_frame memo_nowhere;

static inline void walk_begin(struct walk *w, const struct call_site *site)
{
    w->pc = site->pc;
    w->sp = site->sp;
    w->fp = (struct tracked){site->fp, true};
    w->bx = (struct tracked){0, false};
    w->exact = w->odd = false;
    w->join = &memo_nowhere;
    /* With an empty stack the first read ends the walk. */
    if (w->sp % WORD_BYTES != 0 || !bounds_find(w->sp, &w->stack))
        w->stack = (struct room_range){w->sp, w->sp};
}

/* Whether the walk is where the last one was at some frame. */
static inline bool walk_meets(struct walk *w)
{
    while (w->join->sp < w->sp)
        w->join--;
    return w->join->sp == w->sp && !w->exact && !w->odd &&
           memo_frame_is(w->join, w->pc, w->sp, w->fp.value);
}

/*
 * The steps that nearly all are: CFA by sp or fp, fp saved near it or not at
 * all, the recipe in its first place. Goes on until a step is of another sort,
 * or must not be taken (a pc of 0 finds an empty slot: RECIPE_NONE), and leaves
 * that one to walk_step. Also stops where the walk meets the last one. Returns the pcs
 * written. State is kept in locals, so that it stays in registers.
 */
static inline size_t walk_quick(struct walk *w, uint64_t *pcs, struct walk_step *steps, size_t max)
{
    const struct memo_frame *join = w->join;
    uintptr_t pc = w->pc, sp = w->sp, fp = w->fp.value;
    bool fp_known = w->fp.known;
    const uintptr_t high = w->stack.high;
    size_t count = 0;
    struct recipe r;
    while (count < max) {
        uintptr_t fp_at = 0;
        while (join->sp < sp)
            join--;
        if (join->sp == sp && memo_frame_is(join, pc, sp, fp))
            break;
        if (!recipe_quick(pc, &pcs[count], &r))
            break;
        uintptr_t cfa = (r.how == RECIPE_SP ? sp : fp) + (uintptr_t)(r.cfa * WORD_BYTES);
        uintptr_t was = fp;
        bool usual = r.how == RECIPE_SP || (r.how == RECIPE_FP && fp_known);
        if (!usual || cfa <= sp || cfa > high || cfa % WORD_BYTES != 0)
            break;
        if (r.fp_how == RECIPE_AT_CFA) {
            fp_at = cfa + (uintptr_t)(r.fp * WORD_BYTES);
            if (fp_at < sp || fp_at >= cfa)
                break;
            fp = word_at(fp_at);
            fp_known = true;
        } else if (r.fp_how != RECIPE_SAME) {
            break;
        }
        if (steps)
            steps[count] = (struct walk_step){sp, was, fp_at, 0, r.how == RECIPE_FP};
        pc = word_at(cfa - WORD_BYTES);
        sp = cfa;
        count++;
    }
    w->pc = pc;
    w->sp = sp;
    w->fp = (struct tracked){fp, fp_known};
    w->join = join;
    return count;
}

/* Goes on for at most `max` frames. Returns how many pcs and steps were written;
 * *ret_cut is WALK_MEETS, WALK_AGAIN or why the walk ended, and `w` is where it
 * stands (pc 0: the last step found the outermost end). */
size_t walk_on(struct walk *w, uint64_t *pcs, struct walk_step *steps, size_t max,
               enum ctt_cut *ret_cut);

#endif
