/* SPDX-License-Identifier: MIT */
/*
 * A structure with the pointer in it is handed back by value and dropped by the caller: the copy
 * that the callee built lies where nobody looks any more.
 *
 * seen: google/sanitizers#1233 whether such a leak is found depends on how main is declared
 * expect: unreachable memory 1 "open_view < peek < main" bytes=10
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct view {
    char *data;
    size_t length, offset, stride;
};

NOINLINE static struct view open_view(size_t length)
{
    struct view view = {.data = calloc(1, length), .length = length, .stride = 1};

    return view;
}

NOINLINE static size_t peek(void)
{
    struct view view = open_view(10);
    size_t last = view.length - view.stride;

    keep(view.data);
    if (IS_FIXED)
        free(view.data);
    return last;
}

int main(void)
{
    printf("%zu\n", peek());
    return 0;
}
