/* SPDX-License-Identifier: MIT */
/*
 * p = realloc(p, n) where realloc fails: the old block is still there, and the only pointer to it
 * has just been overwritten with NULL. A ledger that takes the old block out before it knows the
 * outcome would not have it any more.
 *
 * expect: unreachable memory 1 "start_buffer < read_all < main" bytes=128
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static char *start_buffer(void)
{
    char *buffer = malloc(128);

    if (buffer)
        strcpy(buffer, "head");
    return buffer;
}

NOINLINE static int read_all(size_t announced)
{
    char *buffer = start_buffer();
    char *old = buffer;

    buffer = realloc(buffer, announced);
    if (!buffer && IS_FIXED)
        free(old);
    if (buffer)
        free(buffer);
    return buffer != NULL;
}

int main(void)
{
    volatile size_t announced = PTRDIFF_MAX;

    printf("%d\n", read_all(announced));
    return 0;
}
