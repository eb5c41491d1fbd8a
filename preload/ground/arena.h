/* SPDX-License-Identifier: MIT */
/*
 * Our own memory: never malloc, never given back, safe in a signal handler and
 * in a fork child. All of it is mapped by system call, counted, and bounded by
 * the option max_memory; beyond that every caller sees NULL, counts what it
 * could not record, and goes on.
 */
#ifndef GROUND_ARENA_H
#define GROUND_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, 16-byte aligned, for ever. Lock-free. NULL when the cap or the
 * kernel says no. For pieces up to ARENA_CHUNK / 4. */
void *arena_alloc(size_t bytes);

/* A mapping of its own (tables, stacks): zeroed, page-aligned, not touched. */
void *arena_map(size_t bytes);

/* A copy of `bytes` bytes with a NUL after them. */
char *arena_copy(const char *text, size_t bytes);

void arena_limit(uint64_t bytes);
uint64_t arena_mapped(void);
/* What arena_limit set; UINT64_MAX: nothing. */
uint64_t arena_cap(void);
/* How much of what is mapped is in memory; UINT64_MAX: the kernel does not tell. */
uint64_t arena_resident(void);

/* Whether `address` is memory of ours (hooks ignore it; free() of it is a
 * no-op: hazards.md E8). */
bool arena_owns(const void *address);

/* All that is memory of ours. */
void arena_scan(void (*each)(uintptr_t low, uintptr_t high, void *arg), void *arg);

#endif
