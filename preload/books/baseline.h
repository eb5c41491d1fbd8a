/* SPDX-License-Identifier: MIT */
/*
 * What the process already had when the tracker started: descriptors handed
 * over by whoever ran it. They are entered as inherited and never blamed.
 */
#ifndef BOOKS_BASELINE_H
#define BOOKS_BASELINE_H

/* At the program's start, before its first instruction. */
void baseline_fds(void);

#endif
