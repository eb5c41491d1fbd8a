/* SPDX-License-Identifier: MIT */
/*
 * The state file, mapped: rows that others keep up to date (option state=).
 *
 * Whoever changes a table in memory writes the row of the same index here. The tables
 * stay where they are and are never read from the file: after a fork they are the
 * child's own, while the file, which is shared, stays the parent's. A child drops it at
 * once and gets one of its own (outlets/state.c).
 *
 * Little of the file is mapped at first, since address space may be scarce (ulimit -v)
 * or be locked (mlockall); when that is used up the mapping is made once more, twice as
 * large, and the old one stays for those who are writing to it: the kernel does that
 * without a descriptor (mremap of nothing). Before a granule is touched for the first
 * time the kernel is asked to find memory for it: where there is none (/dev/shm is full)
 * that is an error, counted, and not the SIGBUS that a store would be.
 *
 * With state= not set all this costs one load and one branch.
 */
#ifndef GROUND_MIRROR_H
#define GROUND_MIRROR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/state.h"

extern _Atomic(char *) mirror_base; /* NULL: none */

static inline bool mirror_is_on(void)
{
    return __builtin_expect(atomic_load_explicit(&mirror_base, memory_order_relaxed) != NULL, 0);
}

/* How large the file may get: that is its length from the beginning. */
uint64_t mirror_file_bytes(void);
/* How much of it is to be mapped at first, shared. */
uint64_t mirror_first_bytes(void);

/* From now on rows are written to this mapping. 0; -errno: the kernel cannot be asked for
 * memory (before Linux 5.14), or has none: nothing has changed. Fills in what the header
 * has to say of the tables. Once in a process, and again in a fork's child. */
int mirror_begin(char *base);
/* No more; the mapping stays, since others may be writing to it. */
void mirror_end(void);
/* In a fork child, which has one thread: the mapping is the parent's. */
void mirror_forked(void);
/* The header; NULL: none. */
struct state_header *mirror_header(void);

/* The row, holding nothing from now on, to be filled by MIRROR_SET and closed with what
 * its first field is to be. NULL: there is no file, or no room in it (counted). */
void *mirror_open(enum state_table table, uint32_t index);
void mirror_close(void *row, uint32_t live);
/* The row holds nothing. */
/* What is mapped of it. */
void mirror_scan(void (*each)(uintptr_t low, uintptr_t high, void *arg), void *arg);

void mirror_clear(enum state_table table, uint32_t index);

/* Two threads may write one row; both write the same, at the end (holding.c). A kill in
 * the middle of that may leave a row of which a part is the older one's. */
#define MIRROR_SET(row, field, value) __atomic_store_n(&(row)->field, (value), __ATOMIC_RELAXED)
/* A text into an array of the row, cut where it does not fit. */
void mirror_text(char *to, size_t bytes, const char *from);

#endif
