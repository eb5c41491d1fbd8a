/* SPDX-License-Identifier: MIT */
/*
 * A detector: one file, one row of the table in table.c.
 *
 * Rows run in order, and the first detector to claim a holding keeps it: the
 * more exact statement stands above the more general one. What a detector
 * must never blame is in rules.h, once.
 */
#ifndef REPORT_DETECTOR_H
#define REPORT_DETECTOR_H

#include "../report.h"

struct detector {
    const char *name;
    const char *sentence; /* what was seen; never why */
    void (*run)(struct report *report, const struct detector *self);
};

extern const struct detector *const detectors[]; /* NULL-terminated */

/* Whether what it claims is held although its context has ended: D1 and D14. */
bool detector_is_of_cancel(const struct detector *detector);

#endif
