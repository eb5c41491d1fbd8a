/* SPDX-License-Identifier: MIT */
/*
 * D23: a mutex or read-write lock that is locked although the thread that locked it has
 * ended, or the context has: nobody else may unlock it. The tracker has asked the lock
 * itself, so it is proved; but a lock that is read does not say by whom, and then it is
 * a note.
 */
#include <string.h>

#include "../project.h"
#include "rules.h"

/* That the process ends is not the end of its threads' critical sections. */
static bool owner_has_ended(const struct report *report, const struct holding *holding)
{
    if (holding->context && holding->context->kind == CTT_CONTEXT_PROCESS)
        return holding->task && holding->task->flags & CTT_TASK_ENDED;
    return context_is_over(report, holding->context);
}

static bool is_read(const struct holding *holding)
{
    return holding->detail && strstr(holding->detail, "reading");
}

static enum severity severity_of(struct report *report, const struct holding *holding)
{
    if (is_read(holding) || !stack_has_project(report->model, holding->stack))
        return SEVERITY_NOTE;
    return leftover_severity(report, holding->context, SEVERITY_WARNING);
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (holding->kind == CTT_KIND_LOCK && holding_is_blamable(holding) &&
            owner_has_ended(report, holding))
            finding_add_holding(report, self, holding,
                                is_read(holding) ? GRADE_EVIDENCE : GRADE_PROVED,
                                severity_of(report, holding));
    }
}

const struct detector detector_lock_held = {
    .name = "lock-held",
    .sentence = "still locked although its owner has ended",
    .run = run,
};
