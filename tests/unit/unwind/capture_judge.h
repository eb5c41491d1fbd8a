/* SPDX-License-Identifier: MIT */
/*
 * A program that keeps a log of its own calls (call_log.h) knows better than any
 * unwinder which functions are at work: ours is judged by that.
 */
#ifndef UNIT_UNWIND_CAPTURE_JUDGE_H
#define UNIT_UNWIND_CAPTURE_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "preload/format.h"

/* Looks for the log. */
void judge_begin(void);
/* Compares this thread's stack with its log, counts, writes down a difference. */
void judge(const uint64_t *pcs, size_t count, enum ctt_cut cut);

#endif
