/* SPDX-License-Identifier: MIT */
/*
 * D9: what a failed call gave was used all the same: -1 as a descriptor or as a count,
 * NULL as an address, the handle of a thread that never was. Told of the use, which no
 * sound program makes, together with the failure before it (hooks/family_failed.c); that
 * the one came of the other is evidence: the same thread, within a second, or the same
 * handle.
 *
 * What cannot be seen is not told. Whether a program has looked at the result of a
 * close, a write or an fsync that failed, or of a write that was short, does not show in
 * what it calls: to close the file and go on is how to handle it, and how not to. Nor
 * does a -1 show that is an index, nor what is read of a buffer that a failed read has
 * not filled.
 */
#include "mishaps.h"

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    /* A fault is the program's end, wherever its NULL was passed to. */
    if (mishap->id == CTT_MISHAP_IGNORED_POINTER)
        return severity_by_project(report, mishap);
    return stack_is_of_project(report->model, mishap->stack) ? SEVERITY_WARNING : SEVERITY_NOTE;
}

static void run(struct report *report, const struct detector *self)
{
    static const enum ctt_mishap_id ignored[] = {
        CTT_MISHAP_IGNORED_FD,
        CTT_MISHAP_IGNORED_POINTER,
        CTT_MISHAP_IGNORED_COUNT,
        CTT_MISHAP_IGNORED_THREAD,
    };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        mishaps_add(report, self, ignored[i], severity_of);
    for (struct finding *f = report->findings; f; f = f->hh.next) {
        if (f->detector == self)
            f->grade = GRADE_EVIDENCE;
    }
}

const struct detector detector_ignored_result = {
    .name = "ignored-result",
    .sentence = "what a failed call gave was used",
    .run = run,
};
