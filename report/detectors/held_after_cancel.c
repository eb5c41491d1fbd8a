/* SPDX-License-Identifier: MIT */
/*
 * D1, the mission: still held although the context that acquired it has ended.
 *
 * Contexts that the program declared make it proved, for every kind but libraries, and but what
 * libc and the loader keep for themselves. Thread
 * contexts are our own invention: there a descriptor is evidence, silent when
 * another task has used it since, and memory is a hand-over.
 */
#include "../project.h"
#include "libc_own.h"

/* A thread that ends just before the process does may be a runtime's own main thread
 * (java's), and what it held is the process's; so it takes code of the project's to call
 * that a leak. */
static bool holding_is_of_shutdown(struct report *report, struct holding *holding)
{
    size_t count;

    model_frames(report->model, holding->stack, &count);
    return model_is_end(report->model) && count > 0 &&
           time_between(holding->context->ended_ns, report->now_ns) <= report->settings.grace_ns &&
           !stack_has_project(report->model, holding->stack);
}

static void holding_judge(struct report *report, const struct detector *self,
                          struct holding *holding)
{
    struct context *context = holding->context;

    if (!holding_is_blamable(holding) || kind_is_judged_apart(holding->kind) ||
        !context_is_over(report, context))
        return;
    if (context_is_declared(context)) {
        if (holding_goes_with_context(report, holding))
            finding_add_holding(report, self, holding, GRADE_PROVED,
                                outlived_severity(report, holding));
        return;
    }
    if (context->kind == CTT_CONTEXT_THREAD && kind_is_descriptor(holding->kind) &&
        !(holding->flags & CTT_HOLDING_USED_ELSEWHERE) && !holding_is_of_shutdown(report, holding))
        finding_add_holding(report, self, holding, GRADE_EVIDENCE,
                            leftover_severity(report, context, SEVERITY_WARNING));
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding)
        holding_judge(report, self, holding);
}

const struct detector detector_held_after_cancel = {
    .name = "held-after-cancel",
    .sentence = "still held although the context that acquired it has ended",
    .run = run,
};
