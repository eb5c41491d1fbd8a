/* SPDX-License-Identifier: MIT */
/*
 * D16: a descriptor that another thread closed while the one that had acquired it was
 * still using it. Its use found nothing (EBADF); with another open in between it would
 * have found a stranger's file.
 */
#include "../project.h"
#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    return stack_has_project(report->model, mishap->stack) ? SEVERITY_WARNING : SEVERITY_NOTE;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_FOREIGN_RELEASE, severity_of);
}

const struct detector detector_foreign_release = {
    .name = "foreign-release",
    .sentence = "was closed by another thread, and then used",
    .run = run,
};
