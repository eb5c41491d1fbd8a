/* SPDX-License-Identifier: MIT */
/*
 * Contexts that nobody can end or release any more (D4): they were not released, and no word
 * that is reached is the handle of one or of any below it.
 *
 * Handles point into blocks of libctx's own; what libctx keeps there of its contexts are
 * other words. So a look-up that ends in such a block asks here, and nothing else is slower.
 */
#ifndef OUTLETS_REACH_CONTEXTS_H
#define OUTLETS_REACH_CONTEXTS_H

#include <stdbool.h>
#include <stdint.h>

/* Before the copy is made; does nothing where the program has declared none. */
void contexts_prepare(void);
void contexts_forget(void);

/* In the copy: before the first root is marked, when a word is met in a block that is
 * marked MARK_POOL, and after the last root. */
void contexts_watch(void);
void contexts_meet(uintptr_t word);
void contexts_judge(void);

/* Afterwards, of what the copy has judged. */
bool context_is_lost(uint32_t id);
/* Whether one of them was made by the project's code. */
bool contexts_any_lost(void);

#endif
