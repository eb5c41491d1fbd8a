/* SPDX-License-Identifier: MIT */
/*
 * getline makes its buffer larger as it needs to; at the end of the file it has read nothing, and
 * the buffer is still there.
 *
 * seen: kala13x/slog#2 the 120 bytes of getdelim's were lost with each configuration that was read
 * expect: unreachable memory 2 "parse_config < main" bytes=240
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static int parse_config(const char *text)
{
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    char *line = NULL;
    size_t room = 0;
    int lines = 0;

    if (!file)
        return -1;
    while (getline(&line, &room, file) > 0)
        lines++;
    fclose(file);
    if (IS_FIXED)
        free(line);
    return lines;
}

int main(void)
{
    int lines = parse_config("a=1\nb=2\n");

    printf("%d\n", lines + parse_config("c=3\n"));
    return 0;
}
