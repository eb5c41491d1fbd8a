/* SPDX-License-Identifier: MIT */
/*
 * Several dumps in one output: "17 processes, 2 with findings", the findings
 * by fingerprint, then the processes one by one.
 */
#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H

#include <stdio.h>

#include "dump.h"
#include "render.h"

/* `dumps` are sorted by process, then by sequence, and judged. */
void summary_write(const struct dump *dumps, size_t count, bool each,
                   const struct renderer *renderer, FILE *out);

#endif
