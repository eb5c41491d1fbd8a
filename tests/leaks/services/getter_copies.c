/* SPDX-License-Identifier: MIT */
/*
 * Two getters look alike: one lends what the object has, the other makes a copy. The caller treats
 * both the same.
 *
 * expect: unreachable memory 4 "get_address < describe < main"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

struct person {
    const char *name, *street, *town;
};

NOINLINE static const char *get_name(const struct person *person)
{
    return person->name;
}

NOINLINE static const char *get_address(const struct person *person)
{
    char *address = NULL;

    return asprintf(&address, "%s, %s", person->street, person->town) < 0 ? NULL : address;
}

NOINLINE static size_t describe(const struct person *person)
{
    const char *name = get_name(person), *address = get_address(person);
    size_t length = strlen(name) + (address ? strlen(address) : 0);

    if (IS_FIXED)
        free((void *)address);
    return length;
}

int main(void)
{
    static const struct person person = {"Ada", "12 St James's Square", "London"};
    size_t length = 0;

    for (int turn = 0; turn < 4; turn++)
        length += describe(&person);
    printf("%zu\n", length);
    return 0;
}
