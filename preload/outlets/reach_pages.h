/* SPDX-License-Identifier: MIT */
/*
 * Large memory without touching what nobody has touched: a page that is neither in memory
 * nor swapped out holds no pointer, and reading it would cost a page table, or, of a
 * shared file, the page itself. The kernel tells by /proc/PID/pagemap.
 */
#ifndef OUTLETS_REACH_PAGES_H
#define OUTLETS_REACH_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_BYTES 4096u

/* In the copy: `parent` is what it is a copy of. */
void pages_begin(uint32_t parent);

/* Calls `each` for what of [start, end) may hold something; all of it where it is small,
 * or the kernel does not tell. Private memory that can be read by a load. */
void pages_present(uintptr_t start, uintptr_t end, void (*each)(uintptr_t start, uintptr_t end));

/* The same of files, where a load might be a fault: `words` gets copies of what is at `at`.
 * Of shared ones as the parent has them now: a copy does not know which pages are there. */
void pages_peek(uintptr_t start, uintptr_t end, bool is_shared,
                void (*words)(const uintptr_t *words, size_t count, uintptr_t at));

#endif
