/* SPDX-License-Identifier: MIT */
/*
 * D2: given back, but more than the grace after the end of the context that had acquired it
 * (or after its deadline, though nobody looked). Only contexts that the program declared
 * count. Nothing of it need be held any more, so it is told by acquisition stack: how many
 * came so late (of a histogram, whole buckets above the grace), and by how much most did.
 * What was acquired when the context had ended already is D14's.
 */
#include "../lateness.h"
#include "../project.h"
#include "libc_own.h"

#include <inttypes.h>
#include <string.h>

static enum severity site_severity(struct report *report, const struct site *site)
{
    struct stack *stack = model_stack(report->model, site->key.stack);
    bool is_ours = site->key.kind == CTT_KIND_MEMORY ? stack_is_of_project(report->model, stack)
                                                     : stack_has_project(report->model, stack);

    return is_ours ? SEVERITY_WARNING : SEVERITY_NOTE;
}

static bool site_is_asked_for(const struct report *report, const struct site *site)
{
    const struct report_request *request = report->request;

    /* When it was, and of which contexts, is not kept. */
    return !request->since_mark && !request->trace &&
           (!request->kind ||
            strcmp(request->kind, model_kind_name(report->model, site->key.kind)) == 0);
}

static void lateness_tell(struct report *report, struct finding *finding,
                          const struct ctt_late *late, uint64_t over)
{
    struct pool *pool = report->model->pool;
    struct evidence *evidence = evidence_new(pool, finding);

    evidence_line(evidence, pool_format(pool,
                                        "%" PRIu64 " released more than %s (grace) after the end "
                                        "of a declared context",
                                        over, duration_phrase(pool, report->settings.grace_ns)));
    evidence_count(evidence, "over_grace", over);
    evidence_time(evidence, "grace", report->settings.grace_ns);
    evidence_count(evidence, "late", late->count);
    evidence_time(evidence, "p50", late_quantile(late, 0.5));
    evidence_time(evidence, "p99", late_quantile(late, 0.99));
    evidence_time(evidence, "max", late->longest_ns);
}

/* What libc acquires for itself it keeps as long as it likes, as does what is made once for all. */
static bool site_is_kept(struct report *report, const struct site *site)
{
    const struct holding one = {.kind = site->key.kind,
                                .stack = model_stack(report->model, site->key.stack)};

    return holding_is_libcs(report->model, &one) || holding_is_made_once(report->model, &one);
}

static void run(struct report *report, const struct detector *self)
{
    for (const struct site *site = report->model->sites; site; site = site->hh.next) {
        uint64_t over = site->lateness ? late_over(site->lateness, report->settings.grace_ns) : 0;

        if (over && site_is_asked_for(report, site) && !site_is_kept(report, site))
            lateness_tell(report,
                          finding_add_site(report, self, site, over, GRADE_PROVED,
                                           site_severity(report, site)),
                          site->lateness, over);
    }
}

const struct detector detector_late_release = {
    .name = "late-release",
    .sentence = "released long after the context that acquired it had ended",
    .run = run,
};
