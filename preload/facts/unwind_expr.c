/* SPDX-License-Identifier: MIT */
#include "preload/facts/unwind_expr.h"

#include "preload/facts/unwind_bytes.h"
#include "preload/facts/unwind_eh.h"

#define EXPR_DEPTH 8u

/* DWARF 5, section 7.7.1 */
enum {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08, /* then const1s, const2u, ... const8s */
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_DUP = 0x12,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_OR = 0x21,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_SHR = 0x25,
    OP_EQ = 0x29,
    OP_GE,
    OP_GT,
    OP_LE,
    OP_LT,
    OP_NE,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
    OP_NOP = 0x96,
};

struct solver {
    struct bytes code;
    uintptr_t pc;
    struct expr_value stack[EXPR_DEPTH];
    unsigned depth;
};

static bool value_push(struct solver *s, struct expr_value value)
{
    if (s->depth == EXPR_DEPTH)
        return false;
    s->stack[s->depth++] = value;
    return true;
}

static bool const_push(struct solver *s, uint64_t value)
{
    return value_push(s, (struct expr_value){EXPR_CONST, 0, (int64_t)value, 0});
}

static bool register_push(struct solver *s, uint8_t number)
{
    int64_t offset = bytes_sleb(&s->code);
    if (number == CFI_NUMBER_RA)
        return const_push(s, s->pc + (uint64_t)offset);
    return value_push(s, (struct expr_value){EXPR_REGISTER, number, offset, 0});
}

static bool value_deref(struct solver *s)
{
    if (s->depth == 0 || s->stack[s->depth - 1].base != EXPR_REGISTER)
        return false;
    s->stack[s->depth - 1].base = EXPR_AT;
    return true;
}

static bool value_add(struct solver *s, uint64_t addend)
{
    if (s->depth == 0)
        return false;
    struct expr_value *top = &s->stack[s->depth - 1];
    int64_t *sum = top->base == EXPR_AT ? &top->addend : &top->offset;
    *sum = (int64_t)((uint64_t)*sum + addend);
    return true;
}

/* Two constants. */
static bool const_combine(uint8_t op, int64_t a, int64_t b, int64_t *ret)
{
    uint64_t shift = (uint64_t)b & 63;
    switch (op) {
    case OP_AND:
        *ret = a & b;
        return true;
    case OP_OR:
        *ret = a | b;
        return true;
    case OP_SHL:
        *ret = (int64_t)((uint64_t)a << shift);
        return true;
    case OP_SHR:
        *ret = (int64_t)((uint64_t)a >> shift);
        return true;
    case OP_EQ:
        *ret = a == b;
        return true;
    case OP_NE:
        *ret = a != b;
        return true;
    case OP_GE:
        *ret = a >= b;
        return true;
    case OP_GT:
        *ret = a > b;
        return true;
    case OP_LE:
        *ret = a <= b;
        return true;
    case OP_LT:
        *ret = a < b;
        return true;
    default:
        return false;
    }
}

static bool values_combine(struct solver *s, uint8_t op)
{
    if (s->depth < 2)
        return false;
    struct expr_value *a = &s->stack[s->depth - 2];
    struct expr_value b = s->stack[s->depth - 1];
    /* A sum may come either way round; a difference may not. */
    if (op == OP_PLUS && b.base != EXPR_CONST) {
        struct expr_value swapped = *a;
        *a = b;
        b = swapped;
    }
    if (b.base != EXPR_CONST)
        return false;
    s->depth--;
    if (op == OP_PLUS)
        return value_add(s, (uint64_t)b.offset);
    if (op == OP_MINUS)
        return value_add(s, 0 - (uint64_t)b.offset);
    return a->base == EXPR_CONST && const_combine(op, a->offset, b.offset, &a->offset);
}

/* const1u, const1s, const2u, ...: width and sign are in the opcode. */
static bool fixed_push(struct solver *s, uint8_t op)
{
    unsigned width = 1u << ((op - OP_CONST1U) / 2);
    uint64_t value = bytes_fixed(&s->code, width);
    if ((op - OP_CONST1U) & 1)
        value = (uint64_t)bytes_sign_extend(value, width * 8);
    return const_push(s, value);
}

static bool solver_step(struct solver *s)
{
    uint8_t op = bytes_u8(&s->code);
    if (op >= OP_LIT0 && op <= OP_LIT31)
        return const_push(s, (uint64_t)op - OP_LIT0);
    if (op >= OP_BREG0 && op <= OP_BREG31)
        return register_push(s, op - OP_BREG0);
    if (op >= OP_CONST1U && op <= OP_CONST8S)
        return fixed_push(s, op);
    switch (op) {
    case OP_NOP:
        return true;
    case OP_DEREF:
        return value_deref(s);
    case OP_CONSTU:
        return const_push(s, bytes_uleb(&s->code));
    case OP_CONSTS:
        return const_push(s, (uint64_t)bytes_sleb(&s->code));
    case OP_PLUS_UCONST:
        return value_add(s, bytes_uleb(&s->code));
    case OP_DUP:
        return s->depth > 0 && value_push(s, s->stack[s->depth - 1]);
    default:
        return values_combine(s, op);
    }
}

bool expr_solve(const uint8_t *code, size_t bytes, uintptr_t pc, bool push_cfa,
                struct expr_value *ret_value)
{
    struct solver s;
    s.code = (struct bytes){code, code + bytes, false};
    s.pc = pc;
    s.depth = 0;
    if (push_cfa)
        value_push(&s, (struct expr_value){EXPR_CFA, 0, 0, 0});
    while (s.code.at < s.code.end)
        if (!solver_step(&s) || s.code.bad)
            return false;
    if (s.depth == 0)
        return false;
    *ret_value = s.stack[s.depth - 1];
    return true;
}
