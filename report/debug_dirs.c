/* SPDX-License-Identifier: MIT */
/*
 * See debug_dirs.h.
 */
#include "debug_dirs.h"

#include <stdio.h>

int debug_dirs_add(struct debug_dirs *dirs, const char *dir)
{
    if (dirs->count == DEBUG_DIRS_MAX) {
        fprintf(stderr, "ctxtrace: more than %d --debug-dir\n", DEBUG_DIRS_MAX);
        return -1;
    }
    dirs->dirs[dirs->count++] = dir;
    return 0;
}

struct symbolizer_options debug_dirs_options(struct debug_dirs *dirs)
{
    static const char *const usual_dir = "/usr/lib/debug";
    struct symbolizer_options options = {0};

    if (dirs->count) {
        /* It takes the place of the NULL after, of which there is one more. */
        if (dirs->count < DEBUG_DIRS_MAX)
            dirs->dirs[dirs->count] = usual_dir;
        options.debug_dirs = dirs->dirs;
    }
    return options;
}
