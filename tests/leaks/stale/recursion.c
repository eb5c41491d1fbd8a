/* SPDX-License-Identifier: MIT */
/*
 * A recursion of thirty frames of half a kilobyte, each of which keeps the pointer to a block of
 * its own and forgets it on the way back. All thirty pointers lie below main when it calls exit.
 *
 * lsan: 26 of the 30
 * expect: unreachable memory 30 "descend < main" bytes=1200
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static long descend(int depth)
{
    char path[512];
    char *name = malloc(40);
    long sum;

    if (!name || !depth)
        return !name;
    snprintf(name, 40, "level %d", depth);
    memset(path, depth, sizeof(path));
    sum = depth > 1 ? descend(depth - 1) : 0;
    keep(path);
    sum += (long)strlen(name);
    if (IS_FIXED)
        free(name);
    return sum;
}

int main(void)
{
    printf("%ld\n", descend(30));
    exit(0);
}
