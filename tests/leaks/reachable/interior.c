/* SPDX-License-Identifier: MIT */
/*
 * Only pointers into the middle are left: behind a header that the program put before its data, as
 * string libraries and allocators with reference counts do. Reached, and no leak.
 *
 * valgrind: false, possibly lost
 * expect: nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct header {
    size_t length;
    size_t references;
};

static char *volatile title;

NOINLINE static char *new_text(const char *text)
{
    struct header *header = malloc(sizeof(*header) + strlen(text) + 1);

    if (!header)
        exit(1);
    header->length = strlen(text);
    header->references = 1;
    return strcpy((char *)(header + 1), text);
}

int main(void)
{
    title = new_text("the only pointer is to the text");
    printf("%zu\n", ((struct header *)title - 1)->length);
    if (IS_FIXED)
        free((struct header *)title - 1);
    return 0;
}
