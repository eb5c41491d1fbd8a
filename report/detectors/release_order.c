/* SPDX-License-Identifier: MIT */
/*
 * D8: given back although something that is held depends on it, by the program's own word
 * (ctxtrace_depends): a connection before its transaction.
 *
 * Not by ours: a descriptor that is closed while its mapping stays, or while an epoll set has
 * it, is as it should be. What the kinds themselves forbid has detectors of its own: a stream's
 * descriptor (D25), a locked mutex (D24).
 */
#include "mishaps.h"

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_RELEASE_ORDER, severity_by_project);
}

const struct detector detector_release_order = {
    .name = "release-order",
    .sentence = "given back before what depends on it",
    .run = run,
};
