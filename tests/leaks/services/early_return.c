/* SPDX-License-Identifier: MIT */
/*
 * An error path that returns before the line that frees, in a function that succeeds most times.
 *
 * expect: unreachable memory 2 "read_header < load < main" bytes=400
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static char *read_header(const char *from)
{
    char *header = calloc(1, 200);

    if (header)
        memcpy(header, from, strlen(from));
    return header;
}

NOINLINE static int load(const char *from)
{
    char *header = read_header(from);
    int version;

    if (!header)
        return -1;
    if (strncmp(header, "MAGIC", 5)) {
        if (IS_FIXED)
            free(header);
        return -1;
    }
    version = header[5] - '0';
    free(header);
    return version;
}

int main(void)
{
    int sum = load("MAGIC1") + load("broken") + load("MAGIC2");

    printf("%d\n", sum + load("worse"));
    return 0;
}
