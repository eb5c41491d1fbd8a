/* SPDX-License-Identifier: MIT */
/*
 * What is held now, added up: by kind, context and stack for JSON, by kind
 * and stack for the table that a person reads. It claims no leak.
 */
#ifndef REPORT_LIVE_H
#define REPORT_LIVE_H

#include "report.h"
#include "words.h"

/* Of one row: what was judged by what reaches it, by reach_number() of words.h. */
struct live_reach {
    uint64_t count, bytes;
    uint64_t in_rings, parts, parts_bytes; /* of what is lost */
};

struct live_row {
    uint32_t kind;
    struct stack *stack;              /* may be NULL */
    struct context *context;          /* NULL in rows over all contexts */
    uint64_t count, bytes, oldest_ns; /* of `estimate` */
    struct estimate estimate;
    const struct site *site;
    struct live_reach reach[REACH_WORDS];
    bool picked; /* a renderer's own mark */
};

struct live {
    struct live_row *rows; /* by count, most first */
    size_t count;
};

/* Own holdings only: see holding_is_own(). */
struct live live_make(const struct report *report, bool by_context);
void live_drop(struct live *live);
void live_sort_by_bytes(struct live *live);

/* Totals of one kind. */
struct kind_total {
    uint32_t kind;
    uint64_t live, bytes, held_after_cancel; /* of `estimate` */
    struct estimate estimate;
    uint64_t acquired, released;
    bool has_sites; /* acquired and released are known */
};

enum { KIND_TOTALS_MAX = 64 }; /* kinds of a newer tracker included */

/* Fills `ret_totals` by kind number; returns how many. */
size_t kind_totals_make(const struct report *report, struct kind_total ret_totals[KIND_TOTALS_MAX]);

/* A stack's identity across dumps: of one program file by its addresses, else
 * (`by_name`) by function names. */
uint64_t stack_identity(struct model *model, struct stack *stack, bool by_name);

#endif
