/* SPDX-License-Identifier: MIT */
/*
 * `ctxtrace report --recover FILE`: a dump made of what a killed process has left
 * (preload/state.h), as it would have written it itself, less what only the living
 * can be asked: names of files and peers, what the kernel has of its descriptors and
 * children. The dump says so.
 */
#ifndef REPORT_RECOVER_H
#define REPORT_RECOVER_H

#include "input.h"
#include "state_file.h"

/* Returns 0 and a dump's bytes; or -1 after a sentence on stderr. A process that still
 * runs is refused: it can be asked itself. */
int recover_load(struct input *ret_input, const char *path);

/* The same of an open file, without asking whether its process runs. Cannot fail; what
 * cannot be read is left out. */
void recover_build(struct input *ret_input, struct state_file *file);

#endif
