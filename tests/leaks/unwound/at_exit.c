/* SPDX-License-Identifier: MIT */
/*
 * A handler that runs at exit sums up and forgets its text. main has returned already, and tools
 * that look at the end of main have looked too early.
 *
 * expect: unreachable memory 1 "summarize" bytes=160
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

static int done;

static void summarize(void)
{
    char *text = malloc(160);

    if (!text)
        return;
    snprintf(text, 160, "%d done\n", done);
    fputs(text, stdout);
    if (IS_FIXED)
        free(text);
}

int main(void)
{
    if (atexit(summarize))
        return 1;
    done = 3;
    return 0;
}
