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

enum {
    KIND_NUMBERS = 64, /* kinds of a newer tracker included */
    KIND_TOTALS_MAX = KIND_NUMBERS + CTT_KIND_OWN_COUNT,
};

/* Where a kind stands in an array of KIND_TOTALS_MAX. A dump may claim any number: those that
 * have no place share one. */
static inline unsigned kind_slot(uint32_t kind)
{
    if (kind >= CTT_KIND_OWN_FIRST && kind - CTT_KIND_OWN_FIRST < CTT_KIND_OWN_COUNT)
        return KIND_NUMBERS + (kind - CTT_KIND_OWN_FIRST);
    return kind < KIND_NUMBERS ? kind : KIND_NUMBERS - 1;
}

/* How many of which kind. */
struct kind_counts {
    uint64_t count[KIND_TOTALS_MAX];
    uint32_t kind[KIND_TOTALS_MAX]; /* the last one that came to the place */
};

static inline void kind_counts_add(struct kind_counts *counts, uint32_t kind, uint64_t count)
{
    counts->kind[kind_slot(kind)] = kind;
    counts->count[kind_slot(kind)] += count;
}

/* Fills `ret_totals` by kind number; returns how many. */
size_t kind_totals_make(const struct report *report, struct kind_total ret_totals[KIND_TOTALS_MAX]);

/* A stack's identity across dumps: of one program file by its addresses, else
 * (`by_name`) by function names. */
uint64_t stack_identity(struct model *model, struct stack *stack, bool by_name);

#endif
