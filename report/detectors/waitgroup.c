/* SPDX-License-Identifier: MIT */
/*
 * D10: what Go's WaitGroup panics at (a negative count, reuse before all waits are back, a
 * WaitGroup that is destroyed while some are not done), and a wait that its context has ended
 * and that never came to zero afterwards.
 *
 * A thread that waits now, while no declared task serves the WaitGroup any more, is a note:
 * anybody may call ctx_wg_done, and who will is not known.
 */
#include "../project.h"
#include "mishaps.h"
#include "tasks.h"

#include <string.h>

static bool is_served(const struct report *report, uint64_t waitgroup)
{
    for (const struct task *t = report->model->tasks; t; t = t->hh.next) {
        if (t->serves == waitgroup && task_is_alive(t))
            return true;
    }
    return false;
}

static void waiter_judge(struct report *report, const struct detector *self, struct task *task)
{
    bool waits =
        task_is_alive(task) && task->blocked_ns && task->why && strcmp(task->why, "waitgroup") == 0;

    if (waits && !is_served(report, task->object) &&
        time_between(task->blocked_ns, report->now_ns) > report->settings.grace_ns)
        finding_add_holding(report, self, task_holding(report, task, task->active), GRADE_HEURISTIC,
                            SEVERITY_NOTE);
}

static void run(struct report *report, const struct detector *self)
{
    static const enum ctt_mishap_id rows[] = {
        CTT_MISHAP_WAITGROUP_NEGATIVE, CTT_MISHAP_WAITGROUP_REUSED, CTT_MISHAP_WAITGROUP_DESTROYED,
        CTT_MISHAP_WAITGROUP_UNDONE};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        mishaps_add(report, self, rows[i], severity_by_project);
    for (struct task *t = report->model->tasks; t; t = t->hh.next)
        waiter_judge(report, self, t);
}

const struct detector detector_waitgroup = {
    .name = "waitgroup",
    .sentence = "a WaitGroup was misused, or does not come to zero",
    .run = run,
};
