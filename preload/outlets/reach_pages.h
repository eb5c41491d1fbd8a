/* SPDX-License-Identifier: MIT */
/*
 * Large memory without touching what nobody has touched: a page that is neither in memory
 * nor swapped out holds no pointer, and reading it would cost a page table, or, of a
 * file, the page itself. The kernel tells by /proc/self/pagemap, from Linux 6.7 on in runs
 * (PAGEMAP_SCAN), before page by page; of shared memory by mincore, since the copy of a
 * process has no page tables for it.
 */
#ifndef OUTLETS_REACH_PAGES_H
#define OUTLETS_REACH_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_BYTES 4096u

/* In the copy. */
void pages_begin(void);

typedef void pages_run(uintptr_t start, uintptr_t end);

/* Calls `each` for what of [start, end) may hold something; all of it where it is small,
 * or the kernel does not tell. Private memory that can be read by a load. */
void pages_present(uintptr_t start, uintptr_t end, pages_run *each);
/* Whether there is anything at all. False also where the kernel does not tell. */
bool pages_any(uintptr_t start, uintptr_t end);
/* Of a private mapping of a file: what is no longer the file's but a copy of its own, which
 * can be read by a load. False, and nothing is done: the kernel does not tell. */
bool pages_own(uintptr_t start, uintptr_t end, pages_run *each);
/* Of shared memory what is there, where a load might be a fault: `words` gets copies of what
 * is at `at`. The same of what the kernel does not tell of, page by page. */
void pages_shared(uintptr_t start, uintptr_t end,
                  void (*words)(const uintptr_t *words, size_t count, uintptr_t at));
void pages_peek(uintptr_t start, uintptr_t end,
                void (*words)(const uintptr_t *words, size_t count, uintptr_t at));

#endif
