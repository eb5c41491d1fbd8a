/* SPDX-License-Identifier: MIT */
/*
 * D6: a declared task that is alive although the task that began it has ended, in a context
 * that has not: nobody who knew of it is there to end it. A note: to hand work over is sound,
 * and who took it the dump does not tell.
 */
#include "../project.h"
#include "tasks.h"

/* Declared tasks leave the books when they end. */
static bool maker_has_ended(const struct task *task)
{
    return task->creator && (!task->made_by || !task_is_alive(task->made_by));
}

static void run(struct report *report, const struct detector *self)
{
    for (struct task *t = report->model->tasks; t; t = t->hh.next) {
        bool is_left = task_is_declared(t) && task_is_alive(t) && maker_has_ended(t) &&
                       !context_is_over(report, t->context);

        if (is_left && stack_has_project(report->model, t->created_stack))
            finding_add_holding(report, self, task_holding(report, t, NULL), GRADE_EVIDENCE,
                                SEVERITY_NOTE);
    }
}

const struct detector detector_outlives_parent = {
    .name = "outlives-parent",
    .sentence = "still at work although the task that began it has ended",
    .run = run,
};
