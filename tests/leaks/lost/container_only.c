/* SPDX-License-Identifier: MIT */
/*
 * The array of names is freed, the names in it are not. Their addresses stood only in the freed
 * block: what the allocator has back is not to be searched for pointers.
 *
 * expect: unreachable memory 6 "add_name < list_names < main"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

enum { NAMES = 6 };

NOINLINE static void add_name(char **names, int index)
{
    char name[16];

    snprintf(name, sizeof(name), "name-%d", index);
    names[index] = strdup(name);
}

NOINLINE static size_t list_names(void)
{
    char **names = calloc(NAMES + 10, sizeof(*names));
    size_t length = 0;

    if (!names)
        exit(1);
    for (int index = 0; index < NAMES; index++)
        add_name(names, index);
    for (int index = 0; index < NAMES; index++)
        length += strlen(names[index]);
    for (int index = 0; IS_FIXED && index < NAMES; index++)
        free(names[index]);
    free(names);
    return length;
}

int main(void)
{
    printf("%zu\n", list_names());
    return 0;
}
