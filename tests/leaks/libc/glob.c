/* SPDX-License-Identifier: MIT */
/*
 * A glob_t in a frame that is gone: the array of paths is lost, and the paths with it.
 *
 * expect: unreachable memory 1 "match < main" parts=1
 */
#include <glob.h>
#include <stdio.h>

#include "../leaks.h"

NOINLINE static size_t match(const char *pattern)
{
    glob_t found = {0};
    size_t count = 0;

    if (!glob(pattern, GLOB_NOSORT, NULL, &found))
        count = found.gl_pathc;
    if (IS_FIXED)
        globfree(&found);
    return count;
}

int main(void)
{
    printf("%zu\n", match("/etc/pass[w]d"));
    return 0;
}
