/* SPDX-License-Identifier: MIT */
/*
 * D19 for memory: a free() of a block that this program had freed before.
 */
#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    (void)report;
    (void)mishap;
    return SEVERITY_ERROR;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_DOUBLE_FREE, severity_of);
}

const struct detector detector_double_free = {
    .name = "double-free",
    .sentence = "freed twice",
    .run = run,
};
