/* SPDX-License-Identifier: MIT */
/*
 * D19 for memory: a free() of a block that this program had freed before.
 */
#include "mishaps.h"

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_DOUBLE_FREE, SEVERITY_ERROR);
}

const struct detector detector_double_free = {
    .name = "double-free",
    .sentence = "freed twice",
    .run = run,
};
