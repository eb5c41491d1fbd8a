/* SPDX-License-Identifier: MIT */
/*
 * D3 in a context that the program declared and that goes on: many of one stack and kind are
 * held in it, from pile_up= on. The pattern is a loop that leaves each to be given back when
 * all is over.
 *
 * That there are so many is proved; that they are not meant to be is not. So while the
 * process runs it is told only where they pile up now: from each of the last three live
 * counts (growth= apart) to the next there were more, and none was given back. A pool that
 * was filled at the start is idle since; a server's connections come and go; and how many
 * sockets accept() has made is for its clients to decide, and never told here. At the end
 * of the process the count will do for descriptors and timers, as it does for those of no
 * context (pile_up.c); the program's own kinds, which it may well keep to the end, must pile
 * up then, too.
 */
#include "../project.h"
#include "growing.h"
#include "tally.h"

#include <inttypes.h>

static bool kind_may_pile(const struct report *report, uint32_t kind)
{
    /* Cleanups that the end finds are D12's. */
    if (kind == CTT_KIND_CLEANUP)
        return !model_is_end(report->model);
    return kind_is_given_back(kind) || kind == CTT_KIND_TIMER;
}

static bool holding_may_pile(const struct report *report, const struct holding *holding)
{
    const struct context *context = holding->context;

    return holding_is_blamable(holding) && kind_may_pile(report, holding->kind) &&
           context_is_declared(context) && context->state == CTT_STATE_ACTIVE &&
           !context_is_over(report, context);
}

static bool is_piling_up(const struct report *report, const struct holding *holding, uint64_t held)
{
    const struct site *site = model_site(report->model, holding->stack, holding->kind);
    struct growing growing = growing_of(report, site ? site->series : NULL);

    return growing_without_release(&growing) && growing_is_fresh(report, &growing) &&
           2 * held >= growing.points[growing.count - 1]->live;
}

static bool is_pile(const struct report *report, const struct holding *holding, uint64_t held)
{
    if (held < report->settings.pile_up)
        return false;
    if (!model_is_end(report->model) && stack_is_of_accept(report->model, holding->stack))
        return false;
    if (model_is_end(report->model) &&
        (kind_is_descriptor(holding->kind) || holding->kind == CTT_KIND_TIMER))
        return true;
    return is_piling_up(report, holding, held);
}

static void pile_tell(struct report *report, const struct holding *holding, uint64_t held)
{
    struct pool *pool = report->model->pool;
    struct evidence *evidence = evidence_new(pool, holding->finding);
    bool is_end = model_is_end(report->model);

    evidence_line(evidence,
                  pool_format(pool, "%" PRIu64 " held of one stack in one context that goes on%s",
                              held, is_end ? "" : ": proved, and more each time it was counted"));
    if (!is_end)
        evidence_line(evidence, "that none of them is meant to stay is a heuristic");
    evidence_count(evidence, "held", held);
    evidence_count(evidence, "pile_up", report->settings.pile_up);
    evidence_word(evidence, "count_grade", grade_word(GRADE_PROVED));
    evidence_word(evidence, "intent_grade", grade_word(GRADE_HEURISTIC));
    if (kind_is_descriptor(holding->kind))
        evidence_descriptors(report, evidence);
}

static enum severity pile_severity(const struct report *report, const struct holding *holding)
{
    if (!stack_is_of_project(report->model, holding->stack))
        return SEVERITY_NOTE;
    return leftover_severity(report, holding->context, SEVERITY_WARNING);
}

static void run(struct report *report, const struct detector *self)
{
    struct tally *tally = tally_new_by_context(report, holding_may_pile);
    enum grade grade = model_is_end(report->model) ? GRADE_PROVED : GRADE_HEURISTIC;
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        uint64_t held = holding_may_pile(report, holding) ? tally_count(tally, holding) : 0;

        if (!held || !is_pile(report, holding, held))
            continue;
        finding_add_holding(report, self, holding, grade, pile_severity(report, holding));
        if (!holding->finding->evidence)
            pile_tell(report, holding, held);
    }
    tally_free(tally);
}

const struct detector detector_pile_in_context = {
    .name = "pile-up",
    .sentence = "many of one stack held in one context that goes on",
    .run = run,
};
