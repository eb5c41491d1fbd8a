/* SPDX-License-Identifier: MIT */
/*
 * D19 for memory: a free() of a block that this program had freed before (frees=1). Where
 * libc has killed the program for it, it is proved; else a block may have been had in a way
 * that no hook sees (__libc_malloc and its kin).
 */
#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    (void)report;
    (void)mishap;
    return SEVERITY_ERROR;
}

static void run(struct report *report, const struct detector *self)
{
    mishaps_add(report, self, CTT_MISHAP_DOUBLE_FREE, severity_of);
    for (struct finding *f = report->findings; f; f = f->hh.next) {
        if (f->detector == self && report->model->process.facts.trigger != CTT_TRIGGER_FATAL)
            f->grade = GRADE_EVIDENCE;
    }
}

const struct detector detector_double_free = {
    .name = "double-free",
    .sentence = "freed twice",
    .run = run,
};
