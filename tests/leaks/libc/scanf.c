/* SPDX-License-Identifier: MIT */
/*
 * scanf's %m takes memory for what it reads. When a later item does not match, what the earlier
 * ones got is still to be freed.
 *
 * expect: unreachable memory 2 "read_pair < main"
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

NOINLINE static int read_pair(const char *line)
{
    char *key = NULL;
    int value = 0, items = sscanf(line, "%m[a-z]=%d", &key, &value);

    if (items != 2) {
        if (IS_FIXED)
            free(key);
        return 0;
    }
    free(key);
    return value;
}

int main(void)
{
    int sum = read_pair("width=3") + read_pair("height=?") + read_pair("depth=?");

    printf("%d\n", sum + read_pair("weight=4"));
    return 0;
}
