/* SPDX-License-Identifier: MIT */
/*
 * D5: a task that is alive although the context that it works for has ended. How that
 * context ended does not make it milder: work goes on that nobody wants.
 *
 * Of a thread that has such a context active by ctx_push it is evidence, and only where the
 * grace has passed, also at the process's end: it may be about to leave. Where a cleanup that
 * waits for the thread has told of it (D13) that is enough. The thread that
 * ends the process does so from wherever it is.
 */
#include "tasks.h"

static bool thread_is_late(const struct report *report, const struct task *task)
{
    return !task->job && !(task->flags & CTT_TASK_SELF) && context_is_declared(task->active) &&
           context_is_past_grace(report, task->active) &&
           !(model_is_end(report->model) && task->flags & CTT_TASK_MAIN);
}

static void task_judge(struct report *report, const struct detector *self, struct task *task)
{
    if (!task_is_alive(task) || task->told || (task->thread && task->thread->told))
        return;
    if (task_is_declared(task)) {
        if (context_is_declared(task->context) && context_is_over(report, task->context))
            finding_add_holding(report, self, task_holding(report, task, NULL), GRADE_PROVED,
                                SEVERITY_WARNING);
    } else if (thread_is_late(report, task)) {
        finding_add_holding(report, self, task_holding(report, task, task->active), GRADE_EVIDENCE,
                            SEVERITY_WARNING);
    }
}

static void run(struct report *report, const struct detector *self)
{
    for (struct task *t = report->model->tasks; t; t = t->hh.next)
        task_judge(report, self, t);
}

const struct detector detector_task_outlives = {
    .name = "task-outlives-context",
    .sentence = "still at work although its context has ended",
    .run = run,
};
