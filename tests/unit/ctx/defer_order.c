/* SPDX-License-Identifier: MIT */
/* Prints `second`, then `first` (test_defer_ends.py): the last registered runs first. */
#include <ctxtrace.h>

#include <stdio.h>

static void print(void *text)
{
    puts(text);
}

int main(void)
{
    ctx_defer(print, (void *)"first");
    ctx_defer(print, (void *)"second");
    return 0;
}
