/* SPDX-License-Identifier: MIT */
/*
 * DWARF expressions in unwind rules, solved once when a recipe is compiled.
 *
 * Few shapes exist: a register plus an offset; the word at such an address (a
 * function that realigned its stack keeps the caller's there); and in a PLT an
 * offset that depends on the pc, which is known by then. So an expression is
 * not interpreted at each walk but reduced to `base + offset`, or refused.
 */
#ifndef FACTS_UNWIND_EXPR_H
#define FACTS_UNWIND_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expr_base {
    EXPR_CONST,    /* offset */
    EXPR_REGISTER, /* register + offset */
    EXPR_AT,       /* the word at register + offset, and addend */
    EXPR_CFA,      /* CFA + offset */
};

struct expr_value {
    uint8_t base; /* enum expr_base */
    uint8_t reg;  /* DWARF number */
    int64_t offset, addend;
};

/* `pc` is the frame's own, the value of the instruction pointer register. For a
 * register's rule the CFA is on the stack at the start (push_cfa). */
bool expr_solve(const uint8_t *code, size_t bytes, uintptr_t pc, bool push_cfa,
                struct expr_value *ret_value);

#endif
