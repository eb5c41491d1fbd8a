/* SPDX-License-Identifier: MIT */
/*
 * A worker builds a table and ends; a global variable has it from then on. That is a hand-over:
 * the thread's context has ended, its memory is held, and there is nothing wrong.
 *
 * expect: nothing
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

enum { ROWS = 12 };

static char **volatile table;

static void *load_table(void *unused)
{
    char **rows = calloc(ROWS, sizeof(*rows));

    for (int row = 0; rows && row < ROWS; row++)
        rows[row] = strdup("a row");
    table = rows;
    return unused;
}

int main(void)
{
    pthread_t worker;

    if (pthread_create(&worker, NULL, load_table, NULL) || pthread_join(worker, NULL))
        return 1;
    puts(table[ROWS - 1]);
    for (int row = 0; IS_FIXED && row < ROWS; row++)
        free(table[row]);
    if (IS_FIXED)
        free(table);
    return 0;
}
