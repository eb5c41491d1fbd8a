/* SPDX-License-Identifier: MIT */
/*
 * A parser leaves through longjmp when it meets a bad line; the buffers of the frames that are
 * skipped are lost, one for each bad line.
 *
 * expect: unreachable memory 3 "take_line < parse_line < parse < main" bytes=240
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

static jmp_buf on_error;
static char *pending;

NOINLINE static char *take_line(const char *line)
{
    char *copy = malloc(80);

    if (copy)
        snprintf(copy, 80, "%s", line);
    if (IS_FIXED)
        pending = copy;
    return copy;
}

NOINLINE static void check(const char *line)
{
    if (strchr(line, '?'))
        longjmp(on_error, 1);
}

NOINLINE static void parse_line(const char *line)
{
    char *copy = take_line(line);

    check(copy);
    free(copy);
    pending = NULL;
}

NOINLINE static int parse(const char *line)
{
    if (setjmp(on_error)) {
        free(pending);
        return 1;
    }
    parse_line(line);
    return 0;
}

int main(void)
{
    static const char *const lines[] = {"a", "b?", "c", "d?", "e?", "f"};
    int bad = 0;

    for (size_t line = 0; line < sizeof(lines) / sizeof(*lines); line++)
        bad += parse(lines[line]);
    printf("%d bad lines\n", bad);
    return 0;
}
