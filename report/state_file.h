/* SPDX-License-Identifier: MIT */
/*
 * A state file (preload/state.h) as its reader meets it: left by a process that was
 * killed, or still being written by one that runs, or any bytes at all.
 *
 * Nothing in it is believed. It is read, not mapped, and only what the directory names:
 * nearly all of its gigabytes are a hole.
 */
#ifndef REPORT_STATE_FILE_H
#define REPORT_STATE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/state.h"

#define STATE_FACTS_MOST (64u << 10)

struct state_file {
    int fd;
    uint64_t size;
    uint64_t granules_read;
    struct state_header header;
};

/* Whether the file begins like one. */
bool state_file_is(const char *path);

/* Returns 0; a negative errno; or 1 and a sentence without full stop in *ret_why. */
int state_file_open(struct state_file *ret_file, const char *path, const char **ret_why);
/* The same of an open file, which is closed by state_file_close. */
int state_file_open_fd(struct state_file *ret_file, int fd, const char **ret_why);
void state_file_close(struct state_file *file);

/* Up to `bytes` bytes from `offset`. Returns how many, or a negative errno. */
int64_t state_file_read(const struct state_file *file, uint64_t offset, void *to, size_t bytes);

/* Each row of a table that holds something, in order. `row` is its struct, complete: what
 * an older writer left out is zero. Returns 0 or a negative errno. */
int state_file_each(struct state_file *file, enum state_table table,
                    void (*each)(uint32_t index, const void *row, void *arg), void *arg);

#endif
