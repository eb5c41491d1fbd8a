/* SPDX-License-Identifier: MIT */
/*
 * Signals that end the process by their default action: the report is made,
 * then the signal takes its course, with the program's own frame innermost in
 * the core file.
 */
#ifndef OUTLETS_FATAL_H
#define OUTLETS_FATAL_H

void fatal_start(void);

#endif
