/* SPDX-License-Identifier: MIT */
/*
 * D4's quiet sister: a context that has ended, or will by itself, or is but a name, and that
 * was never released: no word of the program's memory names it any more, nor any below it.
 * Nothing waits for it, but it stays in memory, one for each request.
 */
#include "../project.h"
#include "tasks.h"

static void run(struct report *report, const struct detector *self)
{
    for (struct context *c = report->model->contexts; c; c = c->hh.next) {
        if (!context_is_lost(report, c) || context_waits_for_end(c))
            continue;
        finding_add_holding(report, self, context_holding(report, c), GRADE_EVIDENCE,
                            stack_is_of_project(report->model, c->created_stack) ? SEVERITY_WARNING
                                                                                 : SEVERITY_NOTE);
    }
}

const struct detector detector_context_leak = {
    .name = "context-leak",
    .sentence = "never released, and nothing refers to it any more",
    .run = run,
};
