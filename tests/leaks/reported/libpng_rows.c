/* SPDX-License-Identifier: MIT */
/*
 * The rows of a picture are taken after setjmp, in variables that are not volatile: when reading
 * fails and longjmp comes back, the handler sees what they were before, and frees nothing.
 *
 * seen: pnggroup/libpng#288 png2pnm lost the pixels and their row pointers with each bad file
 * expect: unreachable memory 1 "new_rows < convert < main" parts=1
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

enum { HEIGHT = 20, WIDTH = 120 };

static jmp_buf on_error;

NOINLINE static char **new_rows(void)
{
    char **rows = calloc(HEIGHT, sizeof(*rows));
    char *pixels = calloc(HEIGHT, WIDTH);

    for (int row = 0; rows && row < HEIGHT; row++)
        rows[row] = pixels + (size_t)row * WIDTH;
    return rows;
}

NOINLINE static void read_rows(char **rows, int good)
{
    rows[0][0] = 'p';
    if (!good)
        longjmp(on_error, 1);
}

static void free_rows(char **rows)
{
    if (rows)
        free(rows[0]);
    free(rows);
}

NOINLINE static int convert(int good)
{
#ifdef FIXED
    char **volatile rows = NULL;
#else
    char **rows;
#endif

    if (setjmp(on_error)) {
#ifdef FIXED
        free_rows(rows);
#endif
        return 0;
    }
    rows = new_rows();
    read_rows(rows, good);
    free_rows(rows);
    return 1;
}

int main(void)
{
    int converted = convert(1);

    printf("%d\n", converted + convert(0));
    return 0;
}
