/* SPDX-License-Identifier: MIT */
/*
 * The table of findings while detectors fill it. See group.h.
 */
#include "group.h"

#include <string.h>

#include "detectors/detector.h"
#include "trace.h"

struct hit {
    struct stack *stack;
    struct context *context;
    uint32_t kind;
    enum grade grade;
    enum severity severity;
};

/* Contexts without a name fall together: threads made at one place are one. */
static struct finding *finding_get(struct report *report, const struct detector *detector,
                                   const struct hit *hit)
{
    const char *label = context_label(hit->context), *name = label ? label : "";
    char *key = pool_format(report->model->pool, "%s/%u/%u/%s", detector->name,
                            hit->stack ? hit->stack->id : 0, hit->kind, name);
    struct finding *finding;

    HASH_FIND_STR(report->findings, key, finding);
    if (!finding) {
        finding = pool_alloc(report->model->pool, sizeof(*finding));
        finding->key = key;
        finding->detector = detector;
        finding->stack = hit->stack;
        finding->context = hit->context;
        finding->kind = hit->kind;
        finding->severity = hit->severity;
        finding->grade = hit->grade;
        finding->oldest_ns = CTT_NEVER;
        finding->ended_ns = CTT_NEVER;
        HASH_ADD_KEYPTR(hh, report->findings, finding->key, strlen(finding->key), finding);
    }
    if (hit->severity > finding->severity)
        finding->severity = hit->severity;
    if (hit->grade < finding->grade)
        finding->grade = hit->grade;
    /* The process's end is the moment of the report: no age to tell. */
    if (hit->context && hit->context->kind != CTT_CONTEXT_PROCESS &&
        hit->context->ended_ns < finding->ended_ns)
        finding->ended_ns = hit->context->ended_ns;
    return finding;
}

struct finding *finding_add_site(struct report *report, const struct detector *detector,
                                 const struct site *site, uint64_t count, enum grade grade,
                                 enum severity severity)
{
    struct stack *stack = model_stack(report->model, site->key.stack);
    struct hit hit = {stack, NULL, site->key.kind, grade, severity};
    struct finding *finding = finding_get(report, detector, &hit);

    finding->count += count;
    return finding;
}

static void lost_add(struct lost *lost, const struct holding *holding)
{
    lost->count += holding->count;
    lost->bytes += holding->bytes;
    lost->parts += holding->parts;
    lost->parts_bytes += holding->parts_bytes;
    if (holding->flags & CTT_HOLDING_RING)
        lost->in_rings += holding->count;
}

void finding_add_holding(struct report *report, const struct detector *detector,
                         struct holding *holding, enum grade grade, enum severity severity)
{
    struct hit hit = {holding->stack, holding->context, holding->kind, grade, severity};
    struct finding *finding;

    if (!report_shows(report, hit.context))
        return;
    finding = finding_get(report, detector, &hit);
    holding->finding = finding;
    holding->next_in_finding = NULL;
    if (finding->last_holding)
        finding->last_holding->next_in_finding = holding;
    else
        finding->holdings = holding;
    finding->last_holding = holding;
    if (!finding->task)
        finding->task = holding->task;
    finding->count += holding->count;
    finding->bytes += holding->bytes;
    if (holding->oldest_ns < finding->oldest_ns)
        finding->oldest_ns = holding->oldest_ns;
    if (holding->flags & CTT_HOLDING_LOST)
        lost_add(&finding->lost, holding);
}

void finding_add_mishap(struct report *report, const struct detector *detector,
                        struct mishap *mishap, enum severity severity)
{
    struct hit hit = {mishap->stack, mishap->context, mishap->kind, GRADE_PROVED, severity};
    struct finding *finding;

    if (!report_shows(report, hit.context))
        return;
    finding = finding_get(report, detector, &hit);
    mishap->next_in_finding = NULL;
    if (finding->last_mishap)
        finding->last_mishap->next_in_finding = mishap;
    else
        finding->mishaps = mishap;
    finding->last_mishap = mishap;
    if (!finding->task)
        finding->task = model_task(report->model, mishap->task_id);
    finding->count += mishap->count;
    if (mishap->first_ns < finding->oldest_ns)
        finding->oldest_ns = mishap->first_ns;
}
