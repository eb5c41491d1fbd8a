/* SPDX-License-Identifier: MIT */
/*
 * A whole file, or standard input, in memory.
 *
 * Read, not mapped: a dump that somebody truncates while we look at it must
 * not become a SIGBUS.
 */
#ifndef REPORT_INPUT_H
#define REPORT_INPUT_H

#include <stddef.h>

struct input {
    unsigned char *bytes;
    size_t size;
};

/* `path` "-" is standard input. Returns 0, or a negative errno. */
int input_load(struct input *ret_input, const char *path);
void input_drop(struct input *input);

#endif
