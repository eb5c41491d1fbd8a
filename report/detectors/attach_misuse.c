/* SPDX-License-Identifier: MIT */
/*
 * D15: which context is active went wrong: a pop out of order, or on another thread than its
 * push, or a thread that ended (or went back to its pool) with one pushed. What is acquired
 * from there on is charged to the wrong context. Beside it, a context that is used after its
 * last release, and a ctx_fail that nothing recovers.
 */
#include "mishaps.h"

/* Seen when the thread's own frames are gone: whose it is says where the context was made. */
static enum severity left_severity(struct report *report, const struct mishap *mishap)
{
    return stack_has_project(report->model, mishap->acquired_stack) ? SEVERITY_WARNING
                                                                    : SEVERITY_NOTE;
}

static void run(struct report *report, const struct detector *self)
{
    static const enum ctt_mishap_id rows[] = {CTT_MISHAP_POP_ORDER, CTT_MISHAP_POP_ELSEWHERE,
                                              CTT_MISHAP_CONTEXT_RELEASED,
                                              CTT_MISHAP_RECOVERED_NONE};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        mishaps_add(report, self, rows[i], severity_by_project);
    mishaps_add(report, self, CTT_MISHAP_LEFT_ATTACHED, left_severity);
}

const struct detector detector_attach_misuse = {
    .name = "context-misuse",
    .sentence = "a context was used otherwise than it may be",
    .run = run,
};
