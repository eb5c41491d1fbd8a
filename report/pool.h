/* SPDX-License-Identifier: MIT */
/*
 * Memory for one report: many small pieces, freed together.
 *
 * The command reads a dump once, shows it, and is done; a pool keeps that
 * free of a hundred destructors. Running out of memory ends the command with
 * STATUS_INTERNAL and a sentence: there is nothing useful to do half of.
 */
#ifndef REPORT_POOL_H
#define REPORT_POOL_H

#include <stddef.h>

struct pool;

struct pool *pool_new(void);
struct pool *pool_free(struct pool *pool);

/* Zeroed, aligned for any type; lives as long as the pool. */
void *pool_alloc(struct pool *pool, size_t bytes);

/* A NUL-terminated copy of `bytes` bytes. */
char *pool_copy(struct pool *pool, const void *text, size_t bytes);
char *pool_format(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what must be freed by itself. None of them returns NULL. */
void *xalloc(size_t bytes);
void *xrealloc(void *old, size_t count, size_t item_bytes);
_Noreturn void memory_exhausted(void);

#endif
