/* SPDX-License-Identifier: MIT */
/*
 * exit is called five frames deep: what the callers hold in their frames is in use by functions
 * that have not returned, and no leak, although nobody will ever free it.
 *
 * expect: nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static int parse(int depth)
{
    char *volatile token = strdup("a token");
    int length;

    if (!depth) {
        if (IS_FIXED) {
            free(token);
            return 0;
        }
        puts("wrong usage");
        exit(2);
    }
    length = parse(depth - 1) + (int)strlen(token);
    free(token);
    return length;
}

int main(void)
{
    int length = parse(5);

    puts("wrong usage");
    return length ? 2 : 0;
}
