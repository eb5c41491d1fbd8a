/* SPDX-License-Identifier: MIT */
/*
 * What a function's first instructions tell of its frame: where rbp points when the function
 * calls another, for threads of which sp and pc alone are known.
 */
#ifndef REPORT_LIVE_PROLOGUE_H
#define REPORT_LIVE_PROLOGUE_H

#include "live_memory.h"

/* How far rbp is above sp wherever the function that begins at `start` makes a call. False:
 * it does not begin as compilers let functions with a frame pointer begin. */
bool live_prologue_read(struct live_memory *memory, uint64_t start, uint64_t *ret_bytes);

/* Whether a call instruction ends at the address. */
bool live_is_after_call(struct live_memory *memory, uint64_t address);

#endif
