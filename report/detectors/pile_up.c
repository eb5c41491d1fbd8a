/* SPDX-License-Identifier: MIT */
/*
 * D3 at the end of a process: many descriptors or timers of one stack and kind, or many
 * handles of one library from one stack, all still held, from pile_up= on, 16 by default. Most
 * sound programs leave 7 at the most, but not all: a server of PostgreSQL's ends with its cache of
 * 32 descriptors open, CPython's own tests with 26 and 60. So it is a warning only where the code
 * is the reader's own.
 */
#include "../project.h"
#include "growing.h"
#include "process_held.h"
#include "tally.h"

static bool kind_may_pile(uint32_t kind)
{
    return kind_is_descriptor(kind) || kind == CTT_KIND_TIMER || kind == CTT_KIND_MODULE;
}

static bool holding_may_pile(const struct report *report, const struct holding *holding)
{
    return holding_is_left_at_exit(report, holding) && kind_may_pile(holding->kind) &&
           (!holding->context || holding->context->kind == CTT_CONTEXT_PROCESS);
}

static enum severity pile_severity(const struct report *report, const struct holding *holding)
{
    if (report->settings.exit_rule == EXIT_ALL)
        return SEVERITY_WARNING;
    if (holding->flags & CTT_HOLDING_LIBC_ONLY)
        return forgotten_severity(report, holding);
    if (!stack_is_of_project(report->model, holding->stack))
        return SEVERITY_NOTE;
    return leftover_severity(report, holding->context, SEVERITY_WARNING);
}

static void run(struct report *report, const struct detector *self)
{
    struct tally *tally = tally_new(report, holding_may_pile);
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        if (!holding_may_pile(report, holding) ||
            tally_count(tally, holding) < report->settings.pile_up)
            continue;
        finding_add_holding(report, self, holding, GRADE_PROVED, pile_severity(report, holding));
        if (!holding->finding->evidence && kind_is_descriptor(holding->kind))
            evidence_descriptors(report, evidence_new(report->model->pool, holding->finding));
    }
    tally_free(tally);
}

const struct detector detector_pile_up = {
    .name = "pile-up",
    .sentence = "many of one stack still held when the process ended",
    .run = run,
};
