/* SPDX-License-Identifier: MIT */
/*
 * The array for the pieces is taken first, the arguments are checked afterwards.
 *
 * seen: redis/redis#373 sdssplitlen() returned early behind its first malloc
 * expect: unreachable memory 2 "new_tokens < split < main" bytes=80
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static char **new_tokens(void)
{
    return calloc(5, sizeof(char *));
}

NOINLINE static int split(const char *text, const char *separator)
{
    char **tokens = new_tokens();
    int count = 0;

    if (!*separator || !*text) {
        if (IS_FIXED)
            free(tokens);
        return 0;
    }
    for (; text && count < 5; text = strstr(text, separator), text += text ? 1 : 0)
        tokens[count++] = strndup(text, strcspn(text, separator));
    for (int token = 0; token < count; token++)
        free(tokens[token]);
    free(tokens);
    return count;
}

int main(void)
{
    int count = split("a,b,c", ",") + split("", ",");

    printf("%d\n", count + split("a b", ""));
    return 0;
}
