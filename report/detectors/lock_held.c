/* SPDX-License-Identifier: MIT */
/*
 * D23: a mutex or read-write lock that is locked although the thread that locked it has
 * ended, or the context has: nobody else may unlock it. The tracker has asked the lock
 * itself, so it is proved.
 */
#include "../project.h"
#include "rules.h"

static enum severity severity_of(struct report *report, const struct holding *holding)
{
    if (!stack_has_project(report->model, holding->stack))
        return SEVERITY_NOTE;
    return leftover_severity(report, holding->context, SEVERITY_WARNING);
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (holding->kind == CTT_KIND_LOCK && holding_is_blamable(holding) &&
            context_is_over(report, holding->context))
            finding_add_holding(report, self, holding, GRADE_PROVED, severity_of(report, holding));
    }
}

const struct detector detector_lock_held = {
    .name = "lock-held",
    .sentence = "still locked although its owner has ended",
    .run = run,
};
