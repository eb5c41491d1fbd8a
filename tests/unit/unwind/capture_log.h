/* SPDX-License-Identifier: MIT */
/*
 * What the differential test's preload writes down, one file for each process:
 *
 *   count captures=... distinct=...      at its end
 *   stacks HASH...                       distinct stacks, alike in all processes
 *   differ at N cut WHY, ours/theirs/log lines, end     a difference
 */
#ifndef UNIT_UNWIND_CAPTURE_LOG_H
#define UNIT_UNWIND_CAPTURE_LOG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/format.h"

struct capture_counts {
    _Atomic uint64_t captures, distinct, differed, memo_differed, cut_blocks, unusable;
    _Atomic uint64_t judged, misjudged;
    _Atomic uint64_t cuts[CTT_CUT_COUNT];
};
extern struct capture_counts counts;

/* Two stacks side by side, or ours and what the program itself says. */
struct capture_block {
    const char *what; /* "differ", "cut", "misjudged" */
    const uint64_t *ours, *theirs;
    size_t ours_count, theirs_count, at;
    enum ctt_cut cut;
    const uint32_t *functions; /* by the program's own log, innermost first */
    size_t function_count;
};

void log_begin(const char *path);
void log_block(const struct capture_block *block);
void log_distinct(const uint64_t *pcs, size_t count);
void log_counts(void);
/* A forked child begins anew. */
void log_child(void);

#endif
