/* SPDX-License-Identifier: MIT */
/*
 * D21: a descriptor without O_CLOEXEC that was open when another program was started or
 * took this one's place: it stays open there, a socket's port taken, a pipe's reader
 * waiting for an end that does not come.
 */
#include "mishaps.h"

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_PASSED_ON, severity_by_project);
}

const struct detector detector_inherited_by_child = {
    .name = "inherited-by-child",
    .sentence = "stayed open in another program that was started meanwhile",
    .run = run,
};
