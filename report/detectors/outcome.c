/* SPDX-License-Identifier: MIT */
/*
 * Resources of the program's own: given back as good although their context had ended in
 * error, or though they were not held (twice, or never acquired). What was given up without an
 * outcome is a note: the program says so itself.
 */
#include "mishaps.h"

static enum severity outcome_severity(struct report *report, const struct mishap *mishap)
{
    return mishap->live == CTT_OUTCOME_ABANDONED ? SEVERITY_NOTE
                                                 : severity_by_project(report, mishap);
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_OUTCOME, outcome_severity);
    mishaps_add(report, self, CTT_MISHAP_NOT_HELD, severity_by_project);
}

const struct detector detector_outcome = {
    .name = "wrong-outcome",
    .sentence = "given back otherwise than its context ended",
    .run = run,
};
