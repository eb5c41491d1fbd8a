/* SPDX-License-Identifier: MIT */
/*
 * Runs a subcommand in this process on dumps that were built in memory, and
 * keeps what it printed. Names come from the fake symbolizer.
 */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include "dump_builder.h"

enum { CAPTURE_DUMPS_MAX = 6, CAPTURE_BYTES = 64 * 1024 };

struct capture {
    int status;
    char out[CAPTURE_BYTES], err[CAPTURE_BYTES];
};

typedef int command_run(int argc, char **argv);

/* Finishes the builder, writes its dump to a temporary file and frees it. The
 * path stays until capture_end(). */
const char *capture_dump(struct dump_builder *b);

/* `arguments` are NULL-terminated; the first is the subcommand's name. */
void capture_run(struct capture *ret_capture, command_run *run, const char *const *arguments);

/* A temporary file with this text, which stays as long. */
const char *capture_file(const char *text);

/* Removes the dumps and files. */
void capture_end(void);

#endif
