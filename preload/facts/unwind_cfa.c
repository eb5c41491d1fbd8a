/* SPDX-License-Identifier: MIT */
/*
 * Call-frame programs: the little machine of DWARF 5 section 6.4.2.
 *
 * A program is a run of instructions that change the current row of rules or
 * move the location on; the row that holds at a pc is what is there when the
 * location passes it. Each instruction is one row of a table: its operands and
 * what it does. Rules for registers that no walk carries are read over.
 */
#include "preload/facts/unwind_bytes.h"
#include "preload/facts/unwind_eh.h"

/* Compilers nest remember_state once, hand-written assembly twice. */
#define REMEMBER_MAX 6u

enum operand { NOTHING, U8, U16, U32, WORD, ULEB, SLEB, BLOCK };

enum action {
    INVALID,
    IGNORE,
    SET_LOCATION,
    ADVANCE,
    DEFINE_CFA,
    DEFINE_CFA_REGISTER,
    DEFINE_CFA_OFFSET,
    DEFINE_CFA_EXPRESSION,
    SET_RULE,
    RESTORE_RULE,
    REMEMBER,
    RECALL,
};

#define FACTORED 1 /* the last operand counts units of data_align */
#define NEGATED  2

static const struct instruction {
    uint8_t action;
    uint8_t first, second; /* enum operand */
    uint8_t how;           /* SET_RULE: enum cfi_how */
    uint8_t flags;
} instructions[] = {
    [0x00] = {IGNORE, NOTHING, NOTHING, 0, 0},                       /* nop */
    [0x01] = {SET_LOCATION, WORD, NOTHING, 0, 0},                    /* set_loc */
    [0x02] = {ADVANCE, U8, NOTHING, 0, 0},                           /* advance_loc1 */
    [0x03] = {ADVANCE, U16, NOTHING, 0, 0},                          /* advance_loc2 */
    [0x04] = {ADVANCE, U32, NOTHING, 0, 0},                          /* advance_loc4 */
    [0x05] = {SET_RULE, ULEB, ULEB, CFI_OFFSET, FACTORED},           /* offset_extended */
    [0x06] = {RESTORE_RULE, ULEB, NOTHING, 0, 0},                    /* restore_extended */
    [0x07] = {SET_RULE, ULEB, NOTHING, CFI_UNDEFINED, 0},            /* undefined */
    [0x08] = {SET_RULE, ULEB, NOTHING, CFI_SAME, 0},                 /* same_value */
    [0x09] = {SET_RULE, ULEB, ULEB, CFI_REGISTER, 0},                /* register */
    [0x0a] = {REMEMBER, NOTHING, NOTHING, 0, 0},                     /* remember_state */
    [0x0b] = {RECALL, NOTHING, NOTHING, 0, 0},                       /* restore_state */
    [0x0c] = {DEFINE_CFA, ULEB, ULEB, 0, 0},                         /* def_cfa */
    [0x0d] = {DEFINE_CFA_REGISTER, ULEB, NOTHING, 0, 0},             /* def_cfa_register */
    [0x0e] = {DEFINE_CFA_OFFSET, NOTHING, ULEB, 0, 0},               /* def_cfa_offset */
    [0x0f] = {DEFINE_CFA_EXPRESSION, NOTHING, BLOCK, 0, 0},          /* def_cfa_expression */
    [0x10] = {SET_RULE, ULEB, BLOCK, CFI_EXPRESSION, 0},             /* expression */
    [0x11] = {SET_RULE, ULEB, SLEB, CFI_OFFSET, FACTORED},           /* offset_extended_sf */
    [0x12] = {DEFINE_CFA, ULEB, SLEB, 0, FACTORED},                  /* def_cfa_sf */
    [0x13] = {DEFINE_CFA_OFFSET, NOTHING, SLEB, 0, FACTORED},        /* def_cfa_offset_sf */
    [0x14] = {SET_RULE, ULEB, ULEB, CFI_VAL_OFFSET, FACTORED},       /* val_offset */
    [0x15] = {SET_RULE, ULEB, SLEB, CFI_VAL_OFFSET, FACTORED},       /* val_offset_sf */
    [0x16] = {SET_RULE, ULEB, BLOCK, CFI_VAL_EXPRESSION, 0},         /* val_expression */
    [0x2e] = {IGNORE, ULEB, NOTHING, 0, 0},                          /* GNU_args_size */
    [0x2f] = {SET_RULE, ULEB, ULEB, CFI_OFFSET, FACTORED | NEGATED}, /* GNU_negative_offset */
};
#define INSTRUCTIONS (sizeof instructions / sizeof instructions[0])

/* The three instructions that carry their first operand in the opcode. */
#define SHORT_MASK    0xc0u
#define SHORT_ADVANCE 0x40u
#define SHORT_OFFSET  0x80u
#define SHORT_RESTORE 0xc0u
#define LONG_ADVANCE  0x02u
#define LONG_OFFSET   0x05u
#define LONG_RESTORE  0x06u

struct machine {
    const struct eh_view *view;
    const struct eh_entry *entry;
    uintptr_t location;
    struct cfi_row row, initial;
    struct cfi_row remembered[REMEMBER_MAX];
    unsigned depth;
};

struct operands {
    uint64_t first;
    int64_t second;
    uint16_t length; /* of a block; `second` is its offset from view->low */
};

static int64_t operand_block(const struct eh_view *view, struct bytes *b, uint16_t *ret_length)
{
    uint64_t length = bytes_uleb(b);
    int64_t offset = b->at - view->low;
    if (length > UINT16_MAX || offset > INT32_MAX)
        b->bad = true;
    bytes_skip(b, length);
    *ret_length = (uint16_t)length;
    return offset;
}

static int64_t operand_read(const struct machine *m, struct bytes *b, uint8_t operand,
                            uint16_t *ret_length)
{
    switch (operand) {
    case U8:
        return (int64_t)bytes_fixed(b, 1);
    case U16:
        return (int64_t)bytes_fixed(b, 2);
    case U32:
        return (int64_t)bytes_fixed(b, 4);
    case ULEB:
        return (int64_t)bytes_uleb(b);
    case SLEB:
        return bytes_sleb(b);
    case BLOCK:
        return operand_block(m->view, b, ret_length);
    case WORD: /* set_loc: no compiler emits it, and its encoding varies */
        b->bad = true;
        return 0;
    default:
        return 0;
    }
}

static struct cfi_rule *rule_of(struct cfi_row *row, uint64_t number)
{
    switch (number) {
    case CFI_NUMBER_BX:
        return &row->saved[CFI_BX];
    case CFI_NUMBER_FP:
        return &row->saved[CFI_FP];
    case CFI_NUMBER_SP:
        return &row->saved[CFI_SP];
    case CFI_NUMBER_RA:
        return &row->saved[CFI_RA];
    default:
        return NULL;
    }
}

static void rule_set(struct cfi_rule *rule, uint8_t how, const struct operands *o)
{
    if (rule)
        *rule = (struct cfi_rule){(int32_t)o->second, o->length, (uint8_t)o->second, how};
}

static void rule_restore(struct machine *m, uint64_t number)
{
    struct cfi_rule *rule = rule_of(&m->row, number);
    if (rule)
        *rule = *rule_of(&m->initial, number);
}

/* False when the program asks for what it cannot have. */
static bool cfa_define(struct cfi_rule *cfa, uint8_t action, const struct operands *o)
{
    if (action == DEFINE_CFA_EXPRESSION) {
        rule_set(cfa, CFI_EXPRESSION, o);
        return true;
    }
    if (action == DEFINE_CFA)
        *cfa = (struct cfi_rule){0, 0, 0, CFI_REGISTER};
    else if (cfa->how != CFI_REGISTER)
        return false;
    if (action != DEFINE_CFA_OFFSET)
        cfa->reg = o->first > UINT8_MAX ? UINT8_MAX : (uint8_t)o->first;
    if (action != DEFINE_CFA_REGISTER)
        cfa->offset = (int32_t)o->second;
    return true;
}

static bool state_remember(struct machine *m)
{
    if (m->depth == REMEMBER_MAX)
        return false;
    m->remembered[m->depth++] = m->row;
    return true;
}

static bool state_recall(struct machine *m)
{
    if (m->depth == 0)
        return false;
    m->row = m->remembered[--m->depth];
    return true;
}

static bool machine_apply(struct machine *m, const struct instruction *i, const struct operands *o)
{
    switch (i->action) {
    case IGNORE:
        return true;
    case ADVANCE:
        m->location += o->first * m->entry->code_align;
        return true;
    case DEFINE_CFA:
    case DEFINE_CFA_REGISTER:
    case DEFINE_CFA_OFFSET:
    case DEFINE_CFA_EXPRESSION:
        return cfa_define(&m->row.cfa, i->action, o);
    case SET_RULE:
        rule_set(rule_of(&m->row, o->first), i->how, o);
        return true;
    case RESTORE_RULE:
        rule_restore(m, o->first);
        return true;
    case REMEMBER:
        return state_remember(m);
    case RECALL:
        return state_recall(m);
    default:
        return false;
    }
}

/* Reads one instruction's operands. NULL when it is none that we know. */
static const struct instruction *instruction_read(const struct machine *m, struct bytes *b,
                                                  struct operands *o)
{
    *o = (struct operands){0, 0, 0};
    uint8_t opcode = bytes_u8(b);
    uint8_t inlined = opcode & (uint8_t)~SHORT_MASK;
    uint8_t index = opcode;
    switch (opcode & SHORT_MASK) {
    case SHORT_ADVANCE:
        index = LONG_ADVANCE;
        break;
    case SHORT_OFFSET:
        index = LONG_OFFSET;
        break;
    case SHORT_RESTORE:
        index = LONG_RESTORE;
        break;
    }
    if (index >= INSTRUCTIONS || instructions[index].action == INVALID)
        return NULL;
    const struct instruction *i = &instructions[index];
    o->first = index != opcode ? inlined : (uint64_t)operand_read(m, b, i->first, &o->length);
    o->second = operand_read(m, b, i->second, &o->length);
    if (i->flags & FACTORED && __builtin_mul_overflow(o->second, m->entry->data_align, &o->second))
        b->bad = true;
    if (i->flags & NEGATED)
        o->second = -o->second;
    if (o->second != (int32_t)o->second)
        b->bad = true;
    return b->bad ? NULL : i;
}

/* Runs until the location has passed `pc` or the program ends. */
static bool machine_run(struct machine *m, const uint8_t *from, const uint8_t *to, uintptr_t pc)
{
    struct bytes b = {from, to, false};
    while (b.at < b.end) {
        struct operands o;
        const struct instruction *i = instruction_read(m, &b, &o);
        uintptr_t before = m->location;
        if (!i || !machine_apply(m, i, &o) || m->location < before)
            return false;
        if (m->location > pc)
            return true;
    }
    return true;
}

enum ctt_cut eh_row_at(const struct eh_view *view, const struct eh_entry *entry, uintptr_t pc,
                       struct cfi_row *ret_row)
{
    struct machine m;
    m.view = view;
    m.entry = entry;
    m.location = entry->start;
    m.depth = 0;
    m.row = m.initial = (struct cfi_row){.cfa = {0, 0, 0, CFI_UNSPECIFIED}};
    if (!machine_run(&m, entry->initial, entry->initial_end, UINTPTR_MAX))
        return CTT_CUT_RULE;
    m.initial = m.row;
    m.location = entry->start;
    if (!machine_run(&m, entry->program, entry->program_end, pc))
        return CTT_CUT_RULE;
    *ret_row = m.row;
    ret_row->end = m.location > pc && m.location < entry->end ? m.location : entry->end;
    return CTT_CUT_NONE;
}
