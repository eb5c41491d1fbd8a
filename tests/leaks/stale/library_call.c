/* SPDX-License-Identifier: MIT */
/*
 * The pointer was never stored by the program: it stood in a register when a library function was
 * called for the first time, and the loader, which then looks up the function, saved all registers
 * below main's frame. There it stays.
 *
 * seen: google/sanitizers#1690 a leak that is missed since strcpy's first call saved the pointer
 * expect: unreachable memory 1 "greet < main" bytes=10
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static int greet(const char *name)
{
    char *text = malloc(10);
    int length;

    if (!text)
        return 0;
    strncpy(text, name, 9);
    text[9] = '\0';
    length = (int)strcspn(text, "!");
    if (IS_FIXED)
        free(text);
    return length;
}

int main(int count, char **words)
{
    printf("%d\n", greet(count > 1 ? words[1] : "hello"));
    exit(0);
}
