/* SPDX-License-Identifier: MIT */
/*
 * D16: a descriptor that another thread closed while the one that had acquired it was
 * still using it. Its use found nothing (EBADF); with another open in between it would
 * have found a stranger's file.
 */
#include "mishaps.h"

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_FOREIGN_RELEASE, severity_by_project);
}

const struct detector detector_foreign_release = {
    .name = "foreign-release",
    .sentence = "was closed by another thread, and then used",
    .run = run,
};
