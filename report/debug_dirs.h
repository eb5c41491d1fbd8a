/* SPDX-License-Identifier: MIT */
/*
 * --debug-dir=DIR, which may repeat: where debug information is looked for.
 */
#ifndef REPORT_DEBUG_DIRS_H
#define REPORT_DEBUG_DIRS_H

#include "symbolize.h"

enum { DEBUG_DIRS_MAX = 16 };

struct debug_dirs {
    const char *dirs[DEBUG_DIRS_MAX + 1]; /* NULL-terminated */
    size_t count;
};

/* Returns 0, or -1 after a sentence on stderr. `dir` is kept. */
int debug_dirs_add(struct debug_dirs *dirs, const char *dir);

/* The usual place, when there are none; else these, and the usual place after them
 * while there is room. They live as long as `dirs`. */
struct symbolizer_options debug_dirs_options(struct debug_dirs *dirs);

#endif
