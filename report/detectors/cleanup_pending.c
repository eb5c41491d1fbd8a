/* SPDX-License-Identifier: MIT */
/*
 * D13: a cleanup that is registered, in a context that has ended, by a thread that is blocked:
 * its function does not return, so it does not run. Where, and in what, the thread is blocked
 * stands with it.
 *
 * The grace counts at the process's end, too: a thread that is on its way out is innocent.
 */
#include "tasks.h"

static bool is_pending(const struct report *report, const struct holding *holding)
{
    const struct task *task = holding->task;

    return holding->kind == CTT_KIND_CLEANUP && holding_is_blamable(holding) &&
           context_is_declared(holding->context) &&
           context_is_past_grace(report, holding->context) && task && task_is_alive(task) &&
           task_is_blocked(task) && !(task->flags & CTT_TASK_SELF);
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (!is_pending(report, holding))
            continue;
        holding->detail = task_doing(report, holding->task);
        holding->task->told = true;
        finding_add_holding(report, self, holding, GRADE_PROVED, SEVERITY_WARNING);
    }
}

const struct detector detector_cleanup_pending = {
    .name = "cleanup-pending",
    .sentence = "registered and not run: its context has ended, its function does not return",
    .run = run,
};
