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

/* Frames from a function to the call that failed for it: its helpers', and the call's. */
#define HELPERS_MOST 4u

/* Whether a function called first what failed, by a few helpers at most, and then what used
 * -1. Else the -1 may well be another: that of an object which was closed, and says so by
 * the error, while the failure was one that the program expected. (One place that calls
 * both is a loop over handlers.) */
static bool is_of_one_caller(struct model *model, struct stack *use, struct stack *failed)
{
    size_t used, inner;
    const struct frame *uses = model_frames(model, use, &used);
    const struct frame *fails = model_frames(model, failed, &inner);

    while (used > 0 && inner > 0) {
        const struct frame *a = &uses[--used], *b = &fails[--inner];

        if (a->module != b->module)
            return false;
        if (a->address != b->address)
            return a->function && b->function && strcmp(a->function, b->function) == 0 &&
                   inner <= HELPERS_MOST;
    }
    return false;
}

static enum severity severity_of(struct report *report, const struct mishap *mishap)
{
    /* A fault is the program's end, wherever its NULL was passed to. */
    if (mishap->id == CTT_MISHAP_IGNORED_POINTER)
        return severity_by_project(report, mishap);
    if (mishap->id == CTT_MISHAP_IGNORED_FD &&
        !is_of_one_caller(report->model, mishap->stack, mishap->acquired_stack))
        return SEVERITY_NOTE;
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
