/* SPDX-License-Identifier: MIT */
/*
 * D14: held, and acquired when the declared context that it is charged to had already ended,
 * by its end or by its deadline: whoever acquired it went on without looking. Both times are
 * of the tracker's clock, and the acquisition must be later by it; a group of memory counts
 * only when the first of its blocks is. While the process runs it is told, as D1 is, from
 * the grace on, counted from the acquisition: what ends a context may well open a file to
 * say so. Like D1 in all else, which has what this does not claim.
 */
#include "libc_own.h"

#include <inttypes.h>

static void holding_judge(struct report *report, const struct detector *self,
                          struct holding *holding)
{
    const struct context *context = holding->context;
    struct pool *pool = report->model->pool;
    struct evidence *evidence;
    uint64_t after;

    if (!holding_is_blamable(holding) || !context_is_declared(context) ||
        !holding_goes_with_context(report, holding) || !context_is_over(report, context))
        return;
    after = time_between(context->ended_ns, holding->oldest_ns);
    if (!after ||
        (!model_is_end(report->model) &&
         time_between(holding->newest_ns, report->now_ns) <= context_grace_ns(report, context)))
        return;
    finding_add_holding(report, self, holding, GRADE_PROVED, outlived_severity(report, holding));
    if (holding->finding->evidence)
        return; /* that of the first will do */
    evidence = evidence_new(pool, holding->finding);
    evidence_line(evidence,
                  pool_format(pool, "acquired %s after the end of its context%s",
                              duration_phrase(pool, after),
                              context->state == CTT_STATE_DEADLINE ? " (its deadline)" : ""));
    evidence_time(evidence, "after_end", after);
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding)
        holding_judge(report, self, holding);
}

const struct detector detector_acquire_after_cancel = {
    .name = "acquire-after-cancel",
    .sentence = "acquired when its context had already ended, and still held",
    .run = run,
};
