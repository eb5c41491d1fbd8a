/* SPDX-License-Identifier: MIT */
/*
 * regcomp without regfree: a regex_t in a frame, with some sixty blocks of libc's behind it. The
 * two that the frame pointed to are the leak.
 *
 * expect: unreachable memory any "is_number < main" parts=any
 */
#include <regex.h>
#include <stdio.h>

#include "../leaks.h"

NOINLINE static int is_number(const char *text)
{
    regex_t pattern;
    int matches;

    if (regcomp(&pattern, "^[0-9]+$", REG_EXTENDED | REG_NOSUB))
        return -1;
    matches = !regexec(&pattern, text, 0, NULL, 0);
    if (IS_FIXED)
        regfree(&pattern);
    return matches;
}

int main(void)
{
    printf("%d\n", is_number("2026"));
    return 0;
}
