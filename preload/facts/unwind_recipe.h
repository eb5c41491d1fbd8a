/* SPDX-License-Identifier: MIT */
/*
 * Recipes: an unwind rule compiled to one word, kept by return address.
 *
 * What .eh_frame says about a pc never changes while its module is loaded. It
 * is worked out once and packed into 64 bits: how to find the CFA, and where
 * the caller's frame pointer and base register are. The table is lock-free and insert-only; a
 * recipe dies with its module (module_gone) and lives again with it.
 */
#ifndef FACTS_UNWIND_RECIPE_H
#define FACTS_UNWIND_RECIPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/module.h"
#include "preload/format.h"

enum recipe_how {
    RECIPE_NONE = 0, /* an empty slot */
    RECIPE_SP,       /* CFA = sp + cfa */
    RECIPE_FP,       /* CFA = fp + cfa */
    RECIPE_BX,       /* CFA = bx + cfa: the loader's lazy binding */
    RECIPE_AT_FP,    /* CFA = the word at fp + cfa: the stack was realigned */
    RECIPE_LOAD,     /* CFA = the word at sp or fp + .., + ..: RECIPE_LOAD_* */
    RECIPE_REGISTER, /* CFA = another register + .., where a signal interrupted */
    RECIPE_BYTES,    /* CFA = sp + cfa bytes: a leaf with a part of a word */
    RECIPE_SIGNAL,   /* the caller was interrupted: its registers are at sp */
    RECIPE_OUTERMOST,
    RECIPE_CUT, /* no way on: `cfa` is the enum ctt_cut */
};

/* Where the caller's value of a register is. */
enum recipe_saved {
    RECIPE_SAME,   /* not touched by this function */
    RECIPE_AT_CFA, /* saved at CFA + offset */
    RECIPE_BY_FP,  /* saved at the current fp + offset */
    RECIPE_LOST,
};

/* Offsets count words of 8 bytes. */
struct recipe {
    int64_t cfa : 22;
    int64_t fp : 16;
    int64_t bx : 16;
    uint64_t how : 4;    /* enum recipe_how */
    uint64_t fp_how : 3; /* enum recipe_saved */
    uint64_t bx_how : 3;
};
_Static_assert(sizeof(struct recipe) == sizeof(uint64_t), "a recipe is one word");

/* What `cfa` holds for RECIPE_LOAD: where the loaded word is, counted from sp or
 * fp, and what is added to it; for RECIPE_REGISTER: its DWARF number, and what is
 * added. What is added stands in the upper bits, with its sign. */
#define RECIPE_LOAD_AT(cfa)         ((int64_t)((uint64_t)(cfa) << 52) >> 52)
#define RECIPE_LOAD_AT_MASK         INT64_C(0xfff)
#define RECIPE_LOAD_BY_FP           INT64_C(0x1000)
#define RECIPE_LOAD_PLUS(cfa)       ((cfa) >> 13)
#define RECIPE_LOAD_PLUS_BITS       9u
#define RECIPE_REGISTER_NUMBER(cfa) ((cfa)&0xf)
#define RECIPE_REGISTER_PLUS(cfa)   ((cfa) >> 4)
#define RECIPE_REGISTER_PLUS_BITS   18u

static inline uint64_t recipe_word(struct recipe recipe)
{
    uint64_t word;
    __builtin_memcpy(&word, &recipe, sizeof word);
    return word;
}

static inline struct recipe recipe_of(uint64_t word)
{
    struct recipe recipe;
    __builtin_memcpy(&recipe, &word, sizeof recipe);
    return recipe;
}

/* A slot of the table; its value is a struct recipe. Whoever sees a key sees
 * its value. */
struct recipe_slot {
    _Atomic uint64_t key; /* the pc as CTT_STACK has it, or 0 */
    _Atomic uint64_t value;
};

#define RECIPE_BITS        16u
#define RECIPE_MODULE_MASK (UINT64_C(0x7fff) << 48)

extern struct recipe_slot recipe_slots[1u << RECIPE_BITS];

static inline uint64_t recipe_hash(uint64_t want)
{
    return want * UINT64_C(0x9e3779b97f4a7c15);
}

/* What the slot holds for `want` (a key without its module), if anything. */
static inline bool recipe_slot_get(struct recipe_slot *slot, uint64_t want, uint64_t *ret_pc,
                                   struct recipe *ret_recipe)
{
    uint64_t key = atomic_load_explicit(&slot->key, memory_order_acquire);
    uint64_t value = atomic_load_explicit(&slot->value, memory_order_relaxed);
    if ((key & ~RECIPE_MODULE_MASK) != want ||
        atomic_load_explicit(&module_gone[CTT_PC_MODULE(key)], memory_order_relaxed))
        return false;
    *ret_recipe = recipe_of(value);
    *ret_pc = key;
    return true;
}

/* The quick half of recipe_find, for return addresses: true when the recipe is
 * in its first place. Not while module_closings(). */
static inline bool recipe_quick(uintptr_t pc, uint64_t *ret_pc, struct recipe *ret_recipe)
{
    struct recipe_slot *slot = &recipe_slots[recipe_hash(pc) >> (64 - RECIPE_BITS)];
    return recipe_slot_get(slot, pc, ret_pc, ret_recipe);
}

/*
 * The recipe for a frame at `pc`: a return address, or, when `exact`, where a
 * signal interrupted it. *ret_pc is the pc as CTT_STACK has it. CTT_CUT_NONE,
 * or CTT_CUT_NO_MODULE (then *ret_pc is set all the same).
 */
enum ctt_cut recipe_find(uintptr_t pc, bool exact, uint64_t *ret_pc, struct recipe *ret_recipe);

/* What one row of rules compiles to, for a frame at `pc` within it. */
struct recipe recipe_of_row(const struct eh_view *view, const struct cfi_row *row, uintptr_t pc);

/* Whether a signal handler returns to this pc (rt_sigreturn follows). */
bool recipe_is_signal_return(uintptr_t pc);

#endif
