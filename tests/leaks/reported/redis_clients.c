/* SPDX-License-Identifier: MIT */
/*
 * The list of clients is one growing string; what is appended to it, a fresh string for each
 * client, is nobody's afterwards.
 *
 * seen: redis/redis#256 CLIENT LIST lost the description of every client
 * expect: unreachable memory 10 "describe_client < describe_all < main"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static char *describe_client(int number)
{
    char *text = NULL;

    return asprintf(&text, "addr=127.0.0.1:%d idle=0\n", 1000 + number) < 0 ? NULL : text;
}

static char *append(char *to, const char *text)
{
    size_t length = to ? strlen(to) : 0;
    char *longer = realloc(to, length + strlen(text) + 1);

    if (!longer)
        exit(1);
    strcpy(longer + length, text);
    return longer;
}

NOINLINE static char *describe_all(int clients)
{
    char *all = NULL;

    for (int number = 0; number < clients; number++) {
        char *one = describe_client(number);

        all = append(all, one);
        if (IS_FIXED)
            free(one);
    }
    return all;
}

int main(void)
{
    char *all = describe_all(10);

    printf("%zu\n", strlen(all));
    free(all);
    return 0;
}
