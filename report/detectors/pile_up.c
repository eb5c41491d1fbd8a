/* SPDX-License-Identifier: MIT */
/*
 * D3 at the end of a process: many descriptors of one stack and kind, all
 * still held. The most that sound programs leave of one stack is 7
 * (detectors.md: 126 workloads); from pile_up= on, 16 by default, it speaks.
 */
#include "process_held.h"
#include "tally.h"

static bool holding_may_pile(const struct report *report, const struct holding *holding)
{
    return holding_is_held_at_exit(report, holding) &&
           (!holding->context || holding->context->kind == CTT_CONTEXT_PROCESS);
}

static void run(struct report *report, const struct detector *self)
{
    struct tally *tally = tally_new(report, holding_may_pile);
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (holding_may_pile(report, holding) &&
            tally_count(tally, holding) >= report->settings.pile_up)
            finding_add_holding(
                report, self, holding, GRADE_PROVED,
                report->settings.exit_rule == EXIT_ALL
                    ? SEVERITY_WARNING
                    : leftover_severity(report, holding->context, SEVERITY_WARNING));
    }
    tally_free(tally);
}

const struct detector detector_pile_up = {
    .name = "pile-up",
    .sentence = "many of one stack still held when the process ended",
    .run = run,
};
