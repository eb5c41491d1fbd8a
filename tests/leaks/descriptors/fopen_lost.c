/* SPDX-License-Identifier: MIT */
/*
 * A stream is opened for its first line and dropped. libc keeps all open streams in a list of its
 * own, so that its memory is reached for ever, and its descriptor is never told by a tool that
 * knows memory alone.
 *
 * expect: held-at-exit stream 1 "open_table < first_line < main" severity=warning by=unreachable
 */
#include <stdio.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static FILE *open_table(const char *path)
{
    return fopen(path, "re");
}

NOINLINE static size_t first_line(const char *path)
{
    FILE *table = open_table(path);
    char line[200] = "";

    if (!table || !fgets(line, sizeof(line), table))
        return 0;
    if (IS_FIXED)
        fclose(table);
    return strlen(line);
}

int main(void)
{
    printf("%d\n", first_line("/proc/self/stat") > 0);
    return 0;
}
