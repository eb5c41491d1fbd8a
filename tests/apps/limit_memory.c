/* SPDX-License-Identifier: MIT */
/* Keeps blocks until no memory is left, says so, and gives everything back. What is
 * larger than all that it ever had is refused too, and nobody's fault. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { BLOCKS = 64 };

static volatile size_t impossible = (size_t)-1;
static const size_t LIMIT = (size_t)1 << 30, BLOCK = (size_t)48 << 20;

__attribute__((noinline)) static void *keep_one(void)
{
    void *block = malloc(BLOCK);

    return block;
}

__attribute__((noinline)) static void *try_one(size_t bytes)
{
    void *block = malloc(bytes);

    return block;
}

int main(void)
{
    struct rlimit limit = {LIMIT, LIMIT};
    void *blocks[BLOCKS];
    int kept = 0;
#ifdef FIXED
    const int wanted = 4;
#else
    const int wanted = BLOCKS;
#endif

    if (setrlimit(RLIMIT_AS, &limit))
        return 1;
    while (kept < wanted && (blocks[kept] = keep_one()))
        kept++;
    puts(kept < wanted ? "out of memory" : "enough");
    /* No limit says no to the second. */
    if (kept < wanted && (try_one((size_t)1 << 45) || try_one(impossible)))
        puts("never");
    while (kept > 0)
        free(blocks[--kept]);
    return 0;
}
