/* SPDX-License-Identifier: MIT */
/*
 * The dumps of this process: their names (option name=), their numbers, and
 * how many of them are kept (keep=, max_dumps=; the first and the last always).
 */
#ifndef OUTLETS_SEQUENCE_H
#define OUTLETS_SEQUENCE_H

#include <stdint.h>

#include "preload/outlets/folder.h"

/* At the program's start: what it was called by, for %e. Copied, since programs
 * write over their arguments. */
void sequence_start(const char *argv0);

/* The program's name, as names of dumps have it. */
void sequence_program(struct text *name);

/* The number of the last dump; 0 before the first. */
uint32_t sequence_last(void);
/* The next dump's number and name. Taken only by sequence_add. */
uint32_t sequence_next(char ret_name[FOLDER_NAME]);
/* The dump is there: older ones may go. */
void sequence_add(int folder, const char *name, uint64_t bytes);
/* The last one was removed again. */
void sequence_drop_last(void);
/* In a fork child: the parent's dumps are not its own. */
void sequence_forked(void);

#endif
