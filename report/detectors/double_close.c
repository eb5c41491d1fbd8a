/* SPDX-License-Identifier: MIT */
/*
 * D19 for descriptors: a close() of a number that this program had closed before.
 * Had another task opened something in between, it would have lost it.
 */
#include "mishaps.h"

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_DOUBLE_CLOSE, SEVERITY_ERROR);
}

const struct detector detector_double_close = {
    .name = "double-close",
    .sentence = "closed twice",
    .run = run,
};
