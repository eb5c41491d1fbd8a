/* SPDX-License-Identifier: MIT */
/*
 * The pointer is a local variable of main's, and main returns. Its frame is as dead as any other
 * when the exit functions run, yet it is the first thing that a search of the stack comes upon.
 *
 * lsan: six of the eight
 * expect: unreachable memory 8 "make_slot < main" bytes=400
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

enum { SLOTS = 8 };

NOINLINE static char *make_slot(int number)
{
    char *slot = malloc(50);

    if (slot)
        snprintf(slot, 50, "slot %d", number);
    return slot;
}

int main(void)
{
    char *volatile slots[SLOTS];

    for (int number = 0; number < SLOTS; number++)
        slots[number] = make_slot(number);
    puts(slots[SLOTS - 1]);
    for (int number = 0; IS_FIXED && number < SLOTS; number++)
        free(slots[number]);
    return 0;
}
