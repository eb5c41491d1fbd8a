/* SPDX-License-Identifier: MIT */
/*
 * D4: a context that nobody can end any more, although it was made to be ended.
 *
 * What it holds when its last reference was dropped is proved to be lost: no end can come.
 * A context that was never released, and that no word of the program's memory names (nor any
 * below it), is evidence: memory is judged for it as for lost blocks. (One that ends by itself,
 * or has ended, is but leaked: context_leak.c.) A context that was only
 * dropped without an end, and held nothing, did no harm: a note. One that main itself made was
 * meant to live as long as the process: when that has ended nothing is said.
 */
#include "../project.h"
#include "libc_own.h"
#include "mishaps.h"
#include "tasks.h"

static bool context_is_abandoned(const struct context *context)
{
    const struct context *deciding = context_deciding(context);

    return deciding && (deciding->flags & CTT_CONTEXT_TO_END) &&
           deciding->state == CTT_STATE_ABANDONED;
}

static enum severity holding_severity(struct report *report, const struct holding *holding)
{
    return stack_is_of_project(report->model, holding->stack)
               ? leftover_severity(report, NULL, SEVERITY_WARNING)
               : SEVERITY_NOTE;
}

static void holdings_judge(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (holding_is_blamable(holding) && context_is_abandoned(holding->context) &&
            holding_goes_with_context(report, holding))
            finding_add_holding(report, self, holding, GRADE_PROVED,
                                holding_severity(report, holding));
    }
}

static void contexts_judge(struct report *report, const struct detector *self)
{
    for (struct context *c = report->model->contexts; c; c = c->hh.next) {
        struct holding *holding;

        if (!context_is_lost(report, c) || !context_waits_for_end(c))
            continue;
        holding = context_holding(report, c);
        finding_add_holding(report, self, holding, GRADE_EVIDENCE,
                            holding_severity(report, holding));
    }
}

static enum severity dropped_severity(struct report *report, const struct mishap *mishap)
{
    (void)report;
    (void)mishap;
    return SEVERITY_NOTE;
}

static void run(struct report *report, const struct detector *self)
{
    holdings_judge(report, self);
    contexts_judge(report, self);
    mishaps_add(report, self, CTT_MISHAP_LOST_CANCEL, dropped_severity);
}

const struct detector detector_lost_cancel = {
    .name = "lost-cancel",
    .sentence = "of a context that was never ended, and that nothing can end any more",
    .run = run,
};
