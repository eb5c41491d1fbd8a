/* SPDX-License-Identifier: MIT */
/*
 * open_memstream: fclose gives back the stream, the buffer is the caller's. One for each report.
 *
 * expect: unreachable memory 2 "write_report < main"
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

NOINLINE static size_t write_report(int lines)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    if (!stream)
        return 0;
    for (int line = 0; line < lines; line++)
        fprintf(stream, "line %d\n", line);
    fclose(stream);
    keep(text);
    if (IS_FIXED)
        free(text);
    return length;
}

int main(void)
{
    size_t length = write_report(10);

    printf("%zu\n", length + write_report(20));
    return 0;
}
