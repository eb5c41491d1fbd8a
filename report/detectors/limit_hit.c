/* SPDX-License-Identifier: MIT */
/*
 * D20: a call failed because a limit was reached (EMFILE, ENFILE, ENOMEM). Who
 * holds what by then stands in the table of live stacks.
 */
#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    (void)report;
    (void)mishap;
    return SEVERITY_WARNING;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_LIMIT, severity_of);
}

const struct detector detector_limit_hit = {
    .name = "limit-hit",
    .sentence = "a resource limit was hit",
    .run = run,
};
