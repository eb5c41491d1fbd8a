/* SPDX-License-Identifier: MIT */
/*
 * D18: a thread that has ended, was joinable, and was never joined or
 * detached: its stack and its descriptor stay until the process ends.
 */
#include "rules.h"

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (holding->kind == CTT_KIND_THREAD && holding_is_blamable(holding) &&
            (holding->flags & CTT_HOLDING_ENDED) && !(holding->flags & CTT_HOLDING_DETACHED))
            finding_add_holding(report, self, holding, GRADE_PROVED,
                                leftover_severity(report, holding->context, SEVERITY_WARNING));
    }
}

const struct detector detector_unjoined_thread = {
    .name = "unjoined-thread",
    .sentence = "the thread has ended and was never joined or detached",
    .run = run,
};
