/* SPDX-License-Identifier: MIT */
/*
 * Root ranges: memory that the program has told of, whose pointers keep blocks alive though
 * nothing that a scan of the process finds leads to it (a heap of its own, pages of a
 * device). Told by ctxtrace_root_range and __lsan_register_root_region.
 *
 * A bounded table, without a lock for whoever reads: also in a frozen copy of the process.
 */
#ifndef FACTS_ROOTS_H
#define FACTS_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The same range may be told several times, and is a root until each was taken back. False
 * for an empty range, and when there is no room (counted). */
bool roots_add(uintptr_t start, size_t bytes);
/* False: no such range was told. */
bool roots_remove(uintptr_t start, size_t bytes);
void roots_scan(void (*each)(uintptr_t start, uintptr_t end, void *arg), void *arg);

#endif
