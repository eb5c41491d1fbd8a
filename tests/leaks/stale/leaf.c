/* SPDX-License-Identifier: MIT */
/*
 * A function keeps the only pointer to a block in all of a large frame, and returns. exit runs
 * where that frame was, and leaves most of it as it is: whoever searches the stack from its own
 * position on finds the old pointer.
 *
 * seen: google/sanitizers#937 a leak that is missed when the frames of two functions overlay
 * lsan: missed in 3 of 12 runs
 * expect: unreachable memory 1 "remember < main" bytes=77
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

enum { SLOTS = 512 };

NOINLINE static int remember(void)
{
    char *volatile slots[SLOTS];
    char *block = malloc(77);

    for (int slot = 0; slot < SLOTS; slot++)
        slots[slot] = block;
    if (IS_FIXED)
        free(slots[0]);
    return slots[0] == slots[SLOTS - 1];
}

int main(void)
{
    fputs("remembered\n", stdout);
    exit(remember() ? 0 : 1);
}
