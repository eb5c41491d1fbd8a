/* SPDX-License-Identifier: MIT */
/*
 * What plugin.c loads and unloads.
 */
#include <stdlib.h>

#include "../leaks.h"

int plugin_start(void);
int plugin_work(void);
int plugin_stop(void);

static char *volatile state;

__attribute__((visibility("default"))) int plugin_start(void)
{
    state = calloc(1, 56);
    return state != NULL;
}

__attribute__((visibility("default"))) int plugin_work(void)
{
    int worked = 0;

    for (int turn = 0; turn < 3; turn++) {
        char *scratch = malloc(56);

        keep(scratch);
        worked += scratch != NULL;
        if (IS_FIXED)
            free(scratch);
    }
    return worked;
}

__attribute__((visibility("default"))) int plugin_stop(void)
{
    if (IS_FIXED)
        free(state);
    return 0;
}
