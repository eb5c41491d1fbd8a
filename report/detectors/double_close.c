/* SPDX-License-Identifier: MIT */
/*
 * D19 for descriptors: a close() of a number that this program had closed before.
 * Had another task opened something in between, it would have lost it.
 */
#include "mishaps.h"

#include "../project.h"

/* In a process that never had a second thread nobody could have opened
 * something in between: no harm was done, and where the code is not the
 * reader's own either (bash does it in most pipelines) nobody can act on it. */
static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    bool harmless =
        mishap->tasks == 1 && mishap->stack && !stack_is_of_project(report->model, mishap->stack);
    return harmless ? SEVERITY_NOTE : SEVERITY_ERROR;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_DOUBLE_CLOSE, severity_of);
}

const struct detector detector_double_close = {
    .name = "double-close",
    .sentence = "closed twice",
    .run = run,
};
