/* SPDX-License-Identifier: MIT */
/*
 * D12: a cleanup that will not run any more: its frame is gone (longjmp, pthread_exit without
 * -fexceptions), its thread has ended, or the process has, by exit or by a signal, while it
 * was pending. What the kernel gives back at the end of a process is not all that cleanups
 * do: files are unlocked, removed, flushed.
 *
 * An exec is no end of that sort, and what a fork's child has of its parent is not its own.
 */
#include "mishaps.h"
#include "tasks.h"

#include "../project.h"

static bool process_has_ended(const struct model *model)
{
    return model_is_end(model) && model->process.facts.trigger != CTT_TRIGGER_EXEC;
}

static bool is_skipped(const struct report *report, const struct holding *holding)
{
    if (holding->kind != CTT_KIND_CLEANUP || !holding_is_blamable(holding))
        return false;
    return process_has_ended(report->model) || (holding->task && !task_is_alive(holding->task));
}

static enum severity severity_of(struct report *report, struct stack *stack)
{
    return stack_is_of_project(report->model, stack) ? SEVERITY_WARNING : SEVERITY_NOTE;
}

static enum severity skipped_severity(struct report *report, const struct mishap *mishap)
{
    return severity_of(report, mishap->acquired_stack);
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    mishaps_add(report, self, CTT_MISHAP_CLEANUP_SKIPPED, skipped_severity);
    DL_FOREACH (report->model->holdings, holding) {
        if (is_skipped(report, holding))
            finding_add_holding(report, self, holding, GRADE_PROVED,
                                severity_of(report, holding->stack));
    }
}

const struct detector detector_cleanup_skipped = {
    .name = "cleanup-skipped",
    .sentence = "registered, and will not run any more",
    .run = run,
};
