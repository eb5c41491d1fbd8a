/* SPDX-License-Identifier: MIT */
/*
 * D4's mild sister: at exit, a context that the program declared was never
 * ended and still holds something. A note: the program may have meant it to
 * live as long as the process. What nothing reaches (D17), it has lost.
 */
#include "libc_own.h"

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    if (!model_is_end(report->model))
        return;
    DL_FOREACH (report->model->holdings, holding) {
        if (holding_is_blamable(holding) && !holding_is_lost(holding) &&
            context_is_declared(holding->context) && !context_is_over(report, holding->context) &&
            holding_goes_with_context(report, holding))
            finding_add_holding(report, self, holding, GRADE_PROVED, SEVERITY_NOTE);
    }
}

const struct detector detector_never_ended = {
    .name = "context-never-ended",
    .sentence = "held at exit by a declared context that was never ended",
    .run = run,
};
