/* SPDX-License-Identifier: MIT */
/*
 * x86-64: compiling recipes, and the table that keeps them.
 *
 * The walk carries pc, rsp, rbp and, where it must, rbx. Compilers and libc use
 * no other register to find a frame at a call (tests/unit/unwind/scan_recipes.c
 * has looked at all of a machine's rules), so at a call a rule that needs one is
 * refused (CTT_CUT_RULE) and not guessed. Where a signal interrupted, all are
 * known. Refusals are kept too: they are as dear to find out.
 */
#include "preload/facts/unwind_recipe.h"

#include <stdatomic.h>

#include "preload/facts/module.h"
#include "preload/facts/unwind_eh.h"
#include "preload/facts/unwind_expr.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"

#define WORD_BYTES 8
#define CFA_BITS   22
#define SAVED_BITS 16

/* mov $15, %rax; syscall: where the kernel lets every handler return to. Known
 * by its bytes, since not every libc describes it. */
static const uint8_t signal_return[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

static bool signal_return_at(const struct module *m, uintptr_t pc)
{
    return module_is_code(m, pc, sizeof signal_return) &&
           __builtin_memcmp((const void *)pc, signal_return, sizeof signal_return) == 0;
}

bool recipe_is_signal_return(uintptr_t pc)
{
    const struct module *m = module_get(module_at(pc));
    return m && signal_return_at(m, pc);
}

static struct recipe recipe_cut(enum ctt_cut cut)
{
    return (struct recipe){.how = RECIPE_CUT, .cfa = cut};
}

/* False when it is not a whole number of words, or does not fit. */
static bool offset_pack(int64_t bytes, unsigned bits, int64_t *ret_words)
{
    int64_t words = bytes / WORD_BYTES;
    *ret_words = words;
    return bytes % WORD_BYTES == 0 && words >= -(INT64_C(1) << (bits - 1)) &&
           words < INT64_C(1) << (bits - 1);
}

struct compilation {
    const struct eh_view *view;
    uintptr_t pc;
    struct recipe recipe;
};

static bool rule_solve(const struct compilation *c, const struct cfi_rule *rule, bool push_cfa,
                       struct expr_value *ret_value)
{
    return expr_solve(c->view->low + rule->offset, rule->length, c->pc, push_cfa, ret_value);
}

/* A realigned stack in hand-written code: CFA = the word at sp + n, + m. */
static bool load_compile(struct compilation *c, const struct expr_value *value)
{
    int64_t at, plus;
    if ((value->reg != CFI_NUMBER_SP && value->reg != CFI_NUMBER_FP) ||
        !offset_pack(value->offset, CFA_BITS, &at) || RECIPE_LOAD_AT(at) != at ||
        !offset_pack(value->addend, RECIPE_LOAD_PLUS_BITS, &plus))
        return false;
    c->recipe.how = RECIPE_LOAD;
    c->recipe.cfa = plus * (2 * RECIPE_LOAD_BY_FP) + (at & RECIPE_LOAD_AT_MASK) +
                    (value->reg == CFI_NUMBER_FP ? RECIPE_LOAD_BY_FP : 0);
    return true;
}

/* A prologue that realigns the stack holds the CFA in some register. */
static bool register_compile(struct compilation *c, const struct expr_value *value)
{
    int64_t plus;
    if (value->reg >= CFI_NUMBER_RA ||
        !offset_pack(value->offset, RECIPE_REGISTER_PLUS_BITS, &plus))
        return false;
    c->recipe.how = RECIPE_REGISTER;
    c->recipe.cfa = plus * 16 + value->reg;
    return true;
}

static bool cfa_compile(struct compilation *c, const struct cfi_rule *rule)
{
    struct expr_value value = {EXPR_REGISTER, rule->reg, rule->offset, 0};
    if (rule->how == CFI_EXPRESSION) {
        if (!rule_solve(c, rule, false, &value))
            return false;
    } else if (rule->how != CFI_REGISTER) {
        return false;
    }
    if (value.base == EXPR_REGISTER && value.reg == CFI_NUMBER_SP)
        c->recipe.how = RECIPE_SP;
    else if (value.base == EXPR_REGISTER && value.reg == CFI_NUMBER_FP)
        c->recipe.how = RECIPE_FP;
    else if (value.base == EXPR_REGISTER && value.reg == CFI_NUMBER_BX)
        c->recipe.how = RECIPE_BX;
    else if (value.base == EXPR_AT && value.reg == CFI_NUMBER_FP && value.addend == 0)
        c->recipe.how = RECIPE_AT_FP;
    else
        return value.base == EXPR_AT         ? load_compile(c, &value)
               : value.base == EXPR_REGISTER ? register_compile(c, &value)
                                             : false;
    int64_t words;
    if (offset_pack(value.offset, CFA_BITS, &words)) {
        c->recipe.cfa = words;
        return true;
    }
    c->recipe.how = RECIPE_BYTES;
    c->recipe.cfa = value.offset;
    return value.base == EXPR_REGISTER && value.reg == CFI_NUMBER_SP &&
           c->recipe.cfa == value.offset;
}

/* A register that cannot be found again is lost, not refused: most functions
 * further out do not use it. */
static enum recipe_saved saved_compile(const struct compilation *c, const struct cfi_rule *rule,
                                       int64_t *ret_words)
{
    struct expr_value value = {EXPR_CFA, 0, rule->offset, 0};
    *ret_words = 0;
    if (rule->how == CFI_UNSPECIFIED || rule->how == CFI_SAME)
        return RECIPE_SAME;
    if (rule->how == CFI_EXPRESSION) {
        if (!rule_solve(c, rule, true, &value))
            return RECIPE_LOST;
    } else if (rule->how != CFI_OFFSET) {
        return RECIPE_LOST;
    }
    if (!offset_pack(value.offset, SAVED_BITS, ret_words))
        return RECIPE_LOST;
    if (value.base == EXPR_CFA)
        return RECIPE_AT_CFA;
    bool by_fp = value.base == EXPR_REGISTER && value.reg == CFI_NUMBER_FP;
    return by_fp ? RECIPE_BY_FP : RECIPE_LOST;
}

/* The return address always lies below the CFA, where call put it. */
static bool ra_is_usual(const struct cfi_rule *rule)
{
    return rule->how == CFI_OFFSET && rule->offset == -WORD_BYTES;
}

static bool sp_is_usual(const struct cfi_rule *rule)
{
    return rule->how == CFI_UNSPECIFIED || (rule->how == CFI_VAL_OFFSET && rule->offset == 0);
}

struct recipe recipe_of_row(const struct eh_view *view, const struct cfi_row *row, uintptr_t pc)
{
    struct compilation c = {view, pc, {.how = RECIPE_NONE}};
    if (row->saved[CFI_RA].how == CFI_UNDEFINED)
        return (struct recipe){.how = RECIPE_OUTERMOST};
    if (!ra_is_usual(&row->saved[CFI_RA]) || !sp_is_usual(&row->saved[CFI_SP]) ||
        !cfa_compile(&c, &row->cfa))
        return recipe_cut(CTT_CUT_RULE);
    int64_t words;
    c.recipe.fp_how = saved_compile(&c, &row->saved[CFI_FP], &words);
    c.recipe.fp = words;
    c.recipe.bx_how = saved_compile(&c, &row->saved[CFI_BX], &words);
    c.recipe.bx = words;
    return c.recipe;
}

static struct recipe rule_compile(const struct module *m, uintptr_t pc, uintptr_t rule_pc)
{
    struct eh_entry entry;
    struct cfi_row row;
    if (!module_is_code(m, rule_pc, 1))
        return recipe_cut(CTT_CUT_NO_CFI);
    enum ctt_cut cut = eh_entry_find(&m->eh, rule_pc, &entry);
    if (cut == CTT_CUT_NONE && entry.return_register != CFI_NUMBER_RA)
        cut = CTT_CUT_RULE;
    if (cut == CTT_CUT_NONE)
        cut = eh_row_at(&m->eh, &entry, rule_pc, &row);
    return cut == CTT_CUT_NONE ? recipe_of_row(&m->eh, &row, pc) : recipe_cut(cut);
}

/* Whether code without a rule is where a stack begins. The loader's own entry
 * (_dl_start_user) is the one piece of it that has none. And nobody calls from
 * before a function's first byte: a return address there was put by hand, as
 * the end of a stack (makecontext's __start_context). */
static bool stack_begins(const struct module *m, uintptr_t pc)
{
    struct eh_entry entry;
    if (m->flags & CTT_MODULE_LOADER)
        return true;
    return eh_entry_find(&m->eh, pc, &entry) == CTT_CUT_NONE && entry.start == pc;
}

static struct recipe recipe_compile(const struct module *m, uintptr_t pc, bool exact)
{
    HEALTH(recipes);
    if (signal_return_at(m, pc))
        return (struct recipe){.how = RECIPE_SIGNAL};
    if (exact)
        return rule_compile(m, pc, pc);
    /* A return address is looked up one byte earlier: the call may have been
     * the last instruction of its function, or of a range (hazards.md E13). */
    struct recipe recipe = rule_compile(m, pc, pc - 1);
    if (recipe.how == RECIPE_CUT && recipe.cfa == CTT_CUT_NO_CFI && stack_begins(m, pc))
        recipe = (struct recipe){.how = RECIPE_OUTERMOST};
    return recipe;
}

/*
 * The table: open addressing in two levels, the second made when the first has
 * no room near a pc's place. A slot's value is claimed first by CAS and its key
 * published after it, so whoever sees a key sees its recipe. Two threads may
 * compile the same pc at once: then it is there twice, with the same content.
 */
#define SECOND_BITS 20u
#define PROBES      8u

struct recipe_slot recipe_slots[1u << RECIPE_BITS];
static _Atomic(struct recipe_slot *) second;

static struct recipe_slot *slot_of(struct recipe_slot *table, unsigned bits, uint64_t want,
                                   unsigned probe)
{
    return &table[((recipe_hash(want) >> (64 - bits)) + probe) & ((1u << bits) - 1)];
}

/* `want` is a key without its module. */
static bool table_get(struct recipe_slot *table, unsigned bits, uint64_t want, uint64_t *ret_pc,
                      struct recipe *ret_recipe)
{
    for (unsigned probe = 0; probe < PROBES; probe++)
        if (recipe_slot_get(slot_of(table, bits, want, probe), want, ret_pc, ret_recipe))
            return true;
    return false;
}

static bool table_put(struct recipe_slot *table, unsigned bits, uint64_t key, struct recipe recipe)
{
    uint64_t value = recipe_word(recipe);
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct recipe_slot *slot = slot_of(table, bits, key & ~RECIPE_MODULE_MASK, probe);
        uint64_t empty = 0;
        if (atomic_compare_exchange_strong(&slot->value, &empty, value)) {
            atomic_store_explicit(&slot->key, key, memory_order_release);
            return true;
        }
        /* Its module was gone, and is back: so is the recipe. */
        if (atomic_load_explicit(&slot->key, memory_order_acquire) == key)
            return true;
    }
    return false;
}

static struct recipe_slot *second_make(void)
{
    struct recipe_slot *table = atomic_load_explicit(&second, memory_order_acquire);
    if (table)
        return table;
    struct recipe_slot *fresh = arena_map(sizeof(struct recipe_slot) << SECOND_BITS);
    /* The loser's mapping was never touched: address space only. */
    if (fresh && atomic_compare_exchange_strong(&second, &table, fresh))
        return fresh;
    return table;
}

/* No room: compiled again at each meeting, slowly, but the stack is whole. */
static void recipe_keep(uint64_t key, struct recipe recipe)
{
    if (table_put(recipe_slots, RECIPE_BITS, key, recipe))
        return;
    struct recipe_slot *table = second_make();
    if (!table || !table_put(table, SECOND_BITS, key, recipe))
        HEALTH(recipes_unkept);
}

enum ctt_cut recipe_find(uintptr_t pc, bool exact, uint64_t *ret_pc, struct recipe *ret_recipe)
{
    uint64_t want = CTT_PC_ADDRESS(pc) | (exact ? CTT_PC_EXACT : 0);
    /* While a module is being closed another may take its place unseen. */
    bool trusted = !module_closings();
    if (trusted) {
        if (table_get(recipe_slots, RECIPE_BITS, want, ret_pc, ret_recipe))
            return CTT_CUT_NONE;
        struct recipe_slot *table = atomic_load_explicit(&second, memory_order_acquire);
        if (table && table_get(table, SECOND_BITS, want, ret_pc, ret_recipe))
            return CTT_CUT_NONE;
    }
    uint32_t id = module_at(pc);
    *ret_pc = want | (uint64_t)id << 48;
    /* Code that comes and goes unannounced: never kept. */
    if (id == 0)
        return CTT_CUT_NO_MODULE;
    *ret_recipe = recipe_compile(module_get(id), pc, exact);
    if (trusted)
        recipe_keep(*ret_pc, *ret_recipe);
    return CTT_CUT_NONE;
}
