/* SPDX-License-Identifier: MIT */
/*
 * Runs the detectors over a model and puts what they find in order.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "detectors/detector.h"
#include "fingerprint.h"
#include "merge.h"
#include "group.h"
#include "project.h"
#include "suppress.h"
#include "trace.h"

const char *severity_word(enum severity severity)
{
    static const char *const words[] = {"note", "warning", "error"};

    return words[severity];
}

const char *grade_word(enum grade grade)
{
    static const char *const words[] = {"heuristic", "evidence", "proved"};

    return words[grade];
}

enum ctt_health_status report_health(const struct report *report)
{
    const struct model *model = report->model;

    if (!model->process.known)
        return CTT_HEALTH_INCONCLUSIVE;
    if (model->fault && model->health == CTT_HEALTH_FULL)
        return CTT_HEALTH_DEGRADED;
    return model->health;
}

void report_contexts_ended(const struct report *report, uint64_t *ret_ended, uint64_t *ret_clean)
{
    uint64_t ended = model_counter(report->model, "contexts_ended"), holding = 0;

    for (const struct context *c = report->model->contexts; c; c = c->hh.next)
        holding += c->holds && c->kind != CTT_CONTEXT_PROCESS && c->state != CTT_STATE_ACTIVE;
    *ret_ended = ended;
    *ret_clean = ended > holding ? ended - holding : 0;
}

bool holding_is_own(const struct holding *holding)
{
    return !(holding->flags & (CTT_HOLDING_INHERITED | CTT_HOLDING_UNTRACKED | CTT_HOLDING_STDIO |
                               CTT_HOLDING_GONE | CTT_HOLDING_IGNORED | CTT_HOLDING_OWNED));
}

bool holding_is_ignored(const struct holding *holding)
{
    return holding->context && (holding->context->flags & CTT_CONTEXT_IGNORED);
}

/* The command line's overrides first, then what the dump was taken with. */
static const char *setting_find(const void *from, const char *key)
{
    const struct report *report = from;
    const char *const *override = report->request->overrides;
    size_t length = strlen(key);

    for (; *override; override++) {
        if (strncmp(*override, key, length) == 0 && (*override)[length] == '=')
            return *override + length + 1;
    }
    return model_option(report->model, key);
}

static void holdings_filter(struct report *report)
{
    const struct report_request *request = report->request;
    uint64_t mark = report->model->process.facts.mark_ns;
    struct holding *holding;

    DL_FOREACH (report->model->holdings, holding) {
        holding->hidden =
            (request->kind &&
             strcmp(request->kind, model_kind_name(report->model, holding->kind)) != 0) ||
            (request->since_mark && holding->newest_ns < mark);
    }
}

static int finding_order(struct finding *a, struct finding *b)
{
    if (a->severity != b->severity)
        return a->severity < b->severity ? 1 : -1;
    if (a->grade != b->grade)
        return a->grade < b->grade ? 1 : -1;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->id, b->id);
}

static void findings_name(struct report *report)
{
    for (struct finding *f = report->findings; f; f = f->hh.next) {
        f->site = model_site(report->model, f->stack, f->kind);
        fingerprint_make(report->model, f);
    }
}

static void findings_finish(struct report *report)
{
    for (struct finding *f = report->findings; f; f = f->hh.next) {
        if (f->severity == SEVERITY_ERROR)
            report->errors++;
        else if (f->severity == SEVERITY_WARNING)
            report->warnings++;
        else
            report->notes++;
    }
    HASH_SORT(report->findings, finding_order);
    HASH_SORT(report->suppressed, finding_order);
}

struct report *report_new(struct model *model, const struct report_request *request)
{
    struct report *report = xalloc(sizeof(*report));

    report->model = model;
    report->request = request;
    report->now_ns = model->process.facts.uptime_ns;
    report->settings = settings_make(setting_find, report);
    project_mark(model, report->settings.project);
    holdings_filter(report);
    if (request->trace)
        trace_filter(model, request->trace);
    for (const struct detector *const *d = detectors; *d; d++)
        (*d)->run(report, *d);
    findings_name(report);
    findings_merge(report);
    report_suppress(report);
    findings_finish(report);
    return report;
}

struct report *report_free(struct report *report)
{
    if (!report)
        return NULL;
    HASH_CLEAR(hh, report->findings);
    HASH_CLEAR(hh, report->suppressed);
    free(report);
    return NULL;
}
