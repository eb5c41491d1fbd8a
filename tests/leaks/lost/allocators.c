/* SPDX-License-Identifier: MIT */
/*
 * One block from each function of malloc's family, each dropped. Aligned blocks begin behind some
 * bytes of padding that belong to the allocator: a tool that compares addresses must know where.
 *
 * expect: unreachable memory 1 "zeroed < work" bytes=320
 * expect: unreachable memory 1 "by_array < work" bytes=240
 * expect: unreachable memory 1 "by_posix < work" bytes=512
 * expect: unreachable memory 1 "by_c11 < work" bytes=4096
 * expect: unreachable memory 1 "by_memalign < work" bytes=100
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

NOINLINE static void *zeroed(void)
{
    return calloc(10, 32);
}

NOINLINE static void *by_array(void)
{
    return reallocarray(NULL, 10, 24);
}

NOINLINE static void *by_posix(void)
{
    void *block = NULL;

    return posix_memalign(&block, 256, 512) ? NULL : block;
}

NOINLINE static void *by_c11(void)
{
    return aligned_alloc(4096, 4096);
}

NOINLINE static void *by_memalign(void)
{
    return memalign(128, 100);
}

NOINLINE static int use(void *(*allocate)(void))
{
    void *block = allocate();
    int got = block != NULL;

    keep(block);
    if (IS_FIXED)
        free(block);
    return got;
}

NOINLINE static int work(void)
{
    return use(zeroed) + use(by_array) + use(by_posix) + use(by_c11) + use(by_memalign);
}

int main(void)
{
    printf("%d blocks\n", work());
    return 0;
}
