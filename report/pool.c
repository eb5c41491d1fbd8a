/* SPDX-License-Identifier: MIT */
/*
 * A bump allocator over blocks that double in size. See pool.h.
 */
#include "pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum {
    POOL_ALIGN = 16,
    POOL_FIRST_BLOCK = 16 * 1024,
    POOL_LARGEST_BLOCK = 4 * 1024 * 1024,
};

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(POOL_ALIGN) unsigned char bytes[];
};

struct pool {
    struct block *blocks; /* newest first */
    size_t next_size;
};

_Noreturn void memory_exhausted(void)
{
    fputs("ctxtrace: out of memory\n", stderr);
    exit(STATUS_INTERNAL);
}

void *xalloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);

    if (!p)
        memory_exhausted();
    return p;
}

void *xrealloc(void *old, size_t count, size_t item_bytes)
{
    void *p = reallocarray(old, count ? count : 1, item_bytes);

    if (!p)
        memory_exhausted();
    return p;
}

struct pool *pool_new(void)
{
    struct pool *pool = xalloc(sizeof(*pool));

    pool->next_size = POOL_FIRST_BLOCK;
    return pool;
}

struct pool *pool_free(struct pool *pool)
{
    if (!pool)
        return NULL;
    for (struct block *b = pool->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(pool);
    return NULL;
}

static struct block *pool_add_block(struct pool *pool, size_t at_least)
{
    size_t size = at_least > pool->next_size ? at_least : pool->next_size;
    struct block *b;

    if (size > SIZE_MAX - sizeof(*b))
        memory_exhausted();
    b = xalloc(sizeof(*b) + size);
    b->size = size;
    b->next = pool->blocks;
    pool->blocks = b;
    if (pool->next_size < POOL_LARGEST_BLOCK)
        pool->next_size *= 2;
    return b;
}

void *pool_alloc(struct pool *pool, size_t bytes)
{
    struct block *b = pool->blocks;
    void *p;

    if (bytes > SIZE_MAX - POOL_ALIGN)
        memory_exhausted();
    bytes = (bytes + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1);
    if (!b || b->size - b->used < bytes)
        b = pool_add_block(pool, bytes);
    p = b->bytes + b->used;
    b->used += bytes;
    return p;
}

char *pool_copy(struct pool *pool, const void *text, size_t bytes)
{
    char *copy = pool_alloc(pool, bytes + 1);

    if (bytes)
        memcpy(copy, text, bytes);
    return copy;
}

char *pool_format(struct pool *pool, const char *format, ...)
{
    va_list args;
    char *text;
    int bytes;

    va_start(args, format);
    bytes = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (bytes < 0)
        memory_exhausted();
    text = pool_alloc(pool, (size_t)bytes + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)bytes + 1, format, args);
    va_end(args);
    return text;
}
