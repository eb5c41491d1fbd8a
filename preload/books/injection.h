/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: which calls are to fail, and which did.
 *
 * The one thing that changes what a program sees, so it is no option of the
 * tracker's: the launcher asks for it (`ctxtrace run --fail=`) by a variable of its
 * own, and every report of such a run is headed INJECTED. A rule is
 *
 *     FUNCTION[:ERROR][:KEY=VALUE[,KEY=VALUE]...]        rules stand with ';' between
 *
 *     every=N   each N-th call of the rule            at=N    the N-th alone
 *     p=0.01    a call with this probability; which ones depends on seed=N alone
 *     times=N   no more than so many                  site=FILE+0xOFFSET
 *     list      none: the places are only noted       calls from this return address
 *
 * FUNCTION is a name, of its 64-bit twin too, or a group (hooks/inject.c): `open` is
 * every function that opens.
 * Calls are counted by rule, over all threads: a run with one thread, or with rules
 * that name a place, is repeated exactly.
 */
#ifndef BOOKS_INJECTION_H
#define BOOKS_INJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/unwind.h"
#include "preload/format.h"

#define INJECTION_VARIABLE "CTXTRACE_FAIL"
#define INJECTION_RULES    16u

struct hook;

/* One function that can fail. */
struct injection_point {
    const char *function, *group;
    int error;      /* unless the rule says another */
    uint32_t rules; /* a bit for each that names it */
    struct hook *hook;
    const void *stub; /* what stands in for the real function */
    const void *real;
    uint64_t entry_pc; /* of the real one, as stacks have it */
};

/* Once, at the start. False: not understood; then nothing will fail. */
bool injection_parse(const char *text);
/* All rules, and which of them name it: sets. */
uint32_t injection_rules_all(void);
uint32_t injection_rules_for(const char *function, const char *group);
/* Dumps tell its real entry where its stub stands. */
void injection_point_add(struct injection_point *point);

/* Whether this call fails: the errno, or 0. */
int injection_due(const struct injection_point *point, const struct call_site *site);

/* ---- for dumps ---- */

/* What was asked for; NULL: nothing, and nothing was changed. */
const char *injection_text(void);
/* How often such a function was called and failed, also in the children that a fork has
 * made: `calls` and `failed`. */
void injection_totals(struct ctt_injection *ret_fact);
/* The `i`-th place that called such a function; false past the end. */
bool injection_read(uint32_t i, struct ctt_injection *ret_fact, const char **ret_function);
/* A stack's innermost pc, with the real function's in place of a stub's. */
uint64_t injection_leaf(uint64_t pc);

#endif
