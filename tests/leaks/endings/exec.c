/* SPDX-License-Identifier: MIT */
/*
 * A program leaks and becomes another one: exec throws its memory away, with all that was lost in
 * it. What was lost before must be looked for before.
 *
 * lsan, valgrind, heaptrack: nothing
 * run: ends=exec
 * expect: unreachable memory 2 "build_argument < prepare < main"
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static char *build_argument(int number)
{
    char *text = NULL;

    return asprintf(&text, "--option-number=%d", number) < 0 ? NULL : text;
}

NOINLINE static int prepare(void)
{
    int length = 0;

    for (int number = 0; number < 2; number++) {
        char *text = build_argument(number);

        length += text ? text[2] : 0;
        if (IS_FIXED)
            free(text);
    }
    return length;
}

int main(void)
{
    printf("%d\n", far_below(prepare));
    fflush(stdout);
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}
