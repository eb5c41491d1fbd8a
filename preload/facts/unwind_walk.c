/* SPDX-License-Identifier: MIT */
/*
 * x86-64: walking a stack by recipes, in full or until it meets the last walk
 * (unwind_memo.h).
 *
 * One step is a look-up, two loads and the checks that keep a wrong rule or a
 * damaged stack from reading where it must not: every word lies between the
 * stack pointer and the known end of the stack, and the stack pointer only
 * rises. A handler on its own stack is the one place where the walk changes
 * stacks; the one it changes to must be known as well.
 *
 * rbx is needed once in a blue moon (_dl_runtime_resolve finds its frame by it)
 * and would cost a load in most frames. So a walk does without it, and starts
 * over, with it, when a recipe asks.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <ucontext.h>

#include "preload/facts/module.h"
#include "preload/facts/unwind.h"
#include "preload/facts/unwind_bounds.h"
#include "preload/facts/unwind_libunwind.h"
#include "preload/facts/unwind_memo.h"
#include "preload/facts/unwind_recipe.h"
#include "preload/facts/unwind_walk.h"

const struct memo_frame memo_nowhere = {.sp = UINTPTR_MAX};

static inline bool walk_read(struct walk *w, uintptr_t at, uintptr_t *ret_word)
{
    uintptr_t low = w->exact ? w->sp - RED_ZONE : w->sp;
    if (__builtin_expect(at < low || at < w->stack.low || at % WORD_BYTES != 0, 0))
        return false;
    if (__builtin_expect(at >= w->stack.high || w->stack.high - at < WORD_BYTES, 0) &&
        !bounds_reach(&w->stack, at))
        return false;
    *ret_word = word_at(at);
    return true;
}

/* Into the frame that a signal interrupted: sp is at the kernel's ucontext. */
static enum ctt_cut walk_signal(struct walk *w)
{
    const ucontext_t *context = (const ucontext_t *)w->sp;
    uintptr_t at = (uintptr_t)context->uc_mcontext.gregs;
    uintptr_t pc, sp, fp, bx;
    if (!walk_read(w, at + REG_RIP * sizeof(greg_t), &pc) ||
        !walk_read(w, at + REG_RSP * sizeof(greg_t), &sp) ||
        !walk_read(w, at + REG_RBP * sizeof(greg_t), &fp) ||
        !walk_read(w, at + REG_RBX * sizeof(greg_t), &bx))
        return CTT_CUT_BOUNDS;
    w->interrupted = at;
    bool same_stack = sp > w->sp && (sp < w->stack.high || bounds_reach(&w->stack, sp));
    w->pc = pc;
    w->sp = sp;
    w->fp = (struct tracked){fp, true};
    w->bx = (struct tracked){bx, true};
    w->exact = w->odd = true;
    /* Where the stack is not known, nothing of it is readable: the interrupted
     * pc is the last one. */
    if (!same_stack && !bounds_find(sp, &w->stack))
        w->stack = (struct room_range){sp, sp};
    return CTT_CUT_NONE;
}

/* The caller's value of a register, into `to`. False at a bad address. */
static inline bool walk_saved(struct walk *w, unsigned how, int64_t words, uintptr_t cfa,
                              struct tracked *to)
{
    uintptr_t at = how == RECIPE_AT_CFA ? cfa : w->fp.value;
    if (how == RECIPE_SAME)
        return true;
    to->known = how == RECIPE_AT_CFA || (how == RECIPE_BY_FP && w->fp.known);
    return !to->known || walk_read(w, at + (uintptr_t)(words * WORD_BYTES), &to->value);
}

/* Where the kernel puts a register, by DWARF number. */
static const uint8_t greg_of[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                  REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};

/* The ways that hand-written code, prologues and leaves have of their own. The
 * registers were found readable when the walk went through the signal. */
static enum ctt_cut walk_seldom(struct walk *w, struct recipe r, uintptr_t *ret_cfa)
{
    uintptr_t at = r.cfa & RECIPE_LOAD_BY_FP ? w->fp.value : w->sp;
    if (r.how == RECIPE_REGISTER) {
        if (!w->exact)
            return CTT_CUT_RULE;
        at = w->interrupted + greg_of[RECIPE_REGISTER_NUMBER(r.cfa)] * sizeof(greg_t);
        *ret_cfa = word_at(at) + (uintptr_t)(RECIPE_REGISTER_PLUS(r.cfa) * WORD_BYTES);
        return CTT_CUT_NONE;
    }
    if (r.how == RECIPE_BYTES) {
        *ret_cfa = w->sp + (uintptr_t)r.cfa;
        return CTT_CUT_NONE;
    }
    if (r.cfa & RECIPE_LOAD_BY_FP && !w->fp.known)
        return CTT_CUT_RULE;
    if (!walk_read(w, at + (uintptr_t)(RECIPE_LOAD_AT(r.cfa) * WORD_BYTES), ret_cfa))
        return CTT_CUT_BOUNDS;
    *ret_cfa += (uintptr_t)(RECIPE_LOAD_PLUS(r.cfa) * WORD_BYTES);
    return CTT_CUT_NONE;
}

/* For the recipes that are not RECIPE_SP. */
static enum ctt_cut walk_cfa(struct walk *w, struct recipe r, bool track, uintptr_t *ret_cfa)
{
    uintptr_t offset = (uintptr_t)r.cfa * WORD_BYTES;
    if (r.how == RECIPE_CUT)
        return (enum ctt_cut)r.cfa;
    if (r.how == RECIPE_BX && !track)
        return WALK_AGAIN;
    if (r.how == RECIPE_LOAD || r.how == RECIPE_REGISTER || r.how == RECIPE_BYTES)
        return walk_seldom(w, r, ret_cfa);
    const struct tracked *base = r.how == RECIPE_BX ? &w->bx : &w->fp;
    if (!base->known)
        return CTT_CUT_RULE;
    *ret_cfa = base->value + offset;
    if (r.how == RECIPE_AT_FP && !walk_read(w, *ret_cfa, ret_cfa))
        return CTT_CUT_BOUNDS;
    return CTT_CUT_NONE;
}

/* Any step. */
static enum ctt_cut walk_step(struct walk *w, struct recipe r, bool track)
{
    uintptr_t cfa = w->sp + (uintptr_t)(r.cfa * WORD_BYTES);
    if (r.how != RECIPE_SP) {
        if (r.how == RECIPE_SIGNAL)
            return walk_signal(w);
        enum ctt_cut cut = walk_cfa(w, r, track, &cfa);
        if (cut != CTT_CUT_NONE)
            return cut;
    }
    struct tracked fp = w->fp;
    if (cfa <= w->sp || !walk_read(w, cfa - WORD_BYTES, &w->pc) ||
        !walk_saved(w, r.fp_how, r.fp, cfa, &fp) ||
        (track && !walk_saved(w, r.bx_how, r.bx, cfa, &w->bx)))
        return CTT_CUT_BOUNDS;
    w->odd |= !fp.known || r.how == RECIPE_LOAD;
    w->fp = fp;
    w->sp = cfa;
    w->exact = false;
    return CTT_CUT_NONE;
}

/* What a step by `r` that found `cfa` read, beside the return address. */
static void step_tell(struct walk_step *step, struct recipe r, uintptr_t cfa)
{
    step->uses_fp = r.how == RECIPE_FP || r.how == RECIPE_AT_FP || r.fp_how == RECIPE_BY_FP;
    if (r.how == RECIPE_AT_FP)
        step->cfa_at = step->fp + (uintptr_t)(r.cfa * WORD_BYTES);
    if (r.fp_how == RECIPE_AT_CFA)
        step->fp_at = cfa + (uintptr_t)(r.fp * WORD_BYTES);
    else if (r.fp_how == RECIPE_BY_FP)
        step->fp_at = step->fp + (uintptr_t)(r.fp * WORD_BYTES);
}

static inline __attribute__((always_inline)) size_t walk_any(struct walk *w, uint64_t *pcs,
                                                             struct walk_step *steps, size_t max,
                                                             bool track, enum ctt_cut *ret_cut)
{
    bool quick = !track && !module_closings();
    size_t count = 0;
    *ret_cut = CTT_CUT_NONE;
    for (;;) {
        struct recipe r = {.how = RECIPE_NONE};
        if (quick && !w->exact)
            count += walk_quick(w, pcs + count, steps ? steps + count : NULL, max - count);
        if (walk_meets(w)) {
            *ret_cut = WALK_MEETS;
            return count;
        }
        /* A return address of 0 ends a stack that somebody made by hand. */
        if (w->pc == 0)
            return count;
        if (count == max) {
            *ret_cut = CTT_CUT_DEPTH;
            return count;
        }
        *ret_cut = recipe_find(w->pc, w->exact, &pcs[count], &r);
        /* The handler's return code is to be looked up as it is: its symbol
         * begins right there. */
        if (r.how == RECIPE_SIGNAL)
            pcs[count] |= CTT_PC_EXACT;
        if (steps)
            steps[count] = (struct walk_step){.sp = w->sp, .fp = w->fp.value};
        count++;
        if (*ret_cut != CTT_CUT_NONE || r.how == RECIPE_OUTERMOST)
            return count;
        *ret_cut = walk_step(w, r, track);
        if (*ret_cut != CTT_CUT_NONE)
            return count;
        if (steps)
            step_tell(&steps[count - 1], r, w->sp);
    }
}

size_t walk_on(struct walk *w, uint64_t *pcs, struct walk_step *steps, size_t max,
               enum ctt_cut *ret_cut)
{
    return walk_any(w, pcs, steps, max, false, ret_cut);
}

size_t unwind_walk_recipes(const struct call_site *site, uint64_t *pcs, size_t max,
                           enum ctt_cut *ret_cut)
{
    struct walk w;
    walk_begin(&w, site);
    size_t count = walk_any(&w, pcs, NULL, max, false, ret_cut);
    if (*ret_cut == WALK_AGAIN) {
        walk_begin(&w, site);
        count = walk_any(&w, pcs, NULL, max, true, ret_cut);
    }
    return count;
}

size_t unwind_walk(const struct call_site *site, uint64_t *pcs, size_t max, enum ctt_cut *ret_cut)
{
    unwind_walker *other = atomic_load_explicit(&unwind_other_walker, memory_order_relaxed);
    if (__builtin_expect(other != NULL, 0))
        return other(site, pcs, max, ret_cut);
    return unwind_walk_recipes(site, pcs, max, ret_cut);
}
