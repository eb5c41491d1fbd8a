/* SPDX-License-Identifier: MIT */
/*
 * realpath, getcwd and get_current_dir_name make a string each when they are given no buffer.
 *
 * expect: unreachable memory 1 "resolve < work"
 * expect: unreachable memory 2 "where_am_i < work"
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../leaks.h"

NOINLINE static char *resolve(void)
{
    return realpath("/usr/../etc/./passwd", NULL);
}

NOINLINE static char *where_am_i(int by_name)
{
    if (by_name)
        return get_current_dir_name();
    return getcwd(NULL, 0);
}

NOINLINE static int work(void)
{
    char *paths[] = {resolve(), where_am_i(0), where_am_i(1)};
    int absolute = 0;

    for (int path = 0; path < 3; path++) {
        absolute += paths[path] && paths[path][0] == '/';
        if (IS_FIXED)
            free(paths[path]);
    }
    return absolute;
}

int main(void)
{
    printf("%d\n", work());
    return 0;
}
