/* SPDX-License-Identifier: MIT */
/*
 * D11: what one stack acquired becomes more and more, in a context that never ends: the
 * process, or one that the program declared and that goes on.
 *
 * Told of at least eight live counts (growth= apart) that rise by the test of Mann and
 * Kendall (p < 0.01) and by more than 5 % of what is held. Nobody can see by that whether
 * it is meant, so it is a heuristic, and silent where there is a simpler reading: it is idle
 * now (a table filled at the start), it levels off (a cache, a pool), most of it is not in
 * one context (each request's own), it is not what is held now, or there are few.
 *
 * A warning only of what a program means to give back each, in a declared context, by code
 * of the reader's own, and not of sockets that accept() made, whose number is for clients to
 * decide. Memory of the process is told with --all alone: nearly all programs grow for a
 * while. What another detector has told of is not told twice.
 */
#include "../project.h"
#include "growing.h"

#include <inttypes.h>
#include <math.h>

enum { WINDOWS_LEAST = 8 };

static const double p_most = 0.01;
static const double rise_least = 0.05;     /* of what is held */
static const double late_half_least = 0.2; /* of the rise: else it levels off */
static const double residual_most = 0.2;   /* of a forecast */

struct rise {
    struct growing growing;
    struct trend_line line;
    double p;
};

static bool levels_off(const struct growing *growing)
{
    size_t half = growing->count / 2;
    double first = (double)growing->points[0]->live;
    double middle = (double)growing->points[half]->live;
    double last = (double)growing->points[growing->count - 1]->live;

    return last - middle < late_half_least * (last - first);
}

static bool rise_find(const struct report *report, const struct site *site, struct rise *ret_rise)
{
    struct rise rise = {.growing = growing_of(report, site->series)};
    const struct growing *growing = &rise.growing;
    struct trend_point points[CTT_SERIES_POINTS];
    double first, last;
    int64_t s;

    if (growing->count < WINDOWS_LEAST || !growing_is_fresh(report, growing) ||
        site->released >= site->acquired)
        return false;
    first = (double)growing->points[0]->live;
    last = (double)growing->points[growing->count - 1]->live;
    if (last - first <= rise_least * last || levels_off(growing))
        return false;
    growing_points(growing, points);
    rise.p = trend_mann_kendall(points, growing->count, &s);
    if (s <= 0 || rise.p >= p_most)
        return false;
    rise.line = trend_theil_sen(points, growing->count);
    *ret_rise = rise;
    return true;
}

/* ---- whose ---- */

/* At the end of the process its own has come to it. */
static bool context_never_ends(const struct report *report, const struct context *context)
{
    bool goes_on = report->request->all || !model_is_end(report->model);

    return context && ((context->kind == CTT_CONTEXT_PROCESS && goes_on) ||
                       (context_is_declared(context) && context->state == CTT_STATE_ACTIVE &&
                        !context_is_over(report, context)));
}

static bool holding_is_of(const struct holding *holding, const struct site *site,
                          const struct context *context)
{
    return holding->stack && holding->stack->id == site->key.stack &&
           holding->kind == site->key.kind && (!context || holding->context == context) &&
           holding_is_blamable(holding);
}

static uint64_t held_in(const struct report *report, const struct site *site,
                        const struct context *context, uint64_t *ret_bytes)
{
    const struct holding *holding;
    uint64_t count = 0;

    *ret_bytes = 0;
    DL_FOREACH (report->model->holdings, holding) {
        if (!holding_is_of(holding, site, context))
            continue;
        count += holding->estimate.recorded;
        *ret_bytes += holding->estimate.recorded_bytes;
    }
    return count;
}

/* The context of any of them that may be the one; that most are in it is asked by held_in. */
static struct context *context_of_most(const struct report *report, const struct site *site)
{
    struct context *most = NULL;
    const struct holding *holding;
    uint64_t votes = 0;

    /* Boyer and Moore: whoever has the majority is left. */
    DL_FOREACH (report->model->holdings, holding) {
        uint64_t count = holding->estimate.recorded;

        if (!holding_is_of(holding, site, NULL))
            continue;
        if (holding->context == most)
            votes += count;
        else if (votes >= count)
            votes -= count;
        else {
            votes = count - votes;
            most = holding->context;
        }
    }
    return most;
}

/* ---- what is said ---- */

static enum severity growth_severity(const struct report *report, const struct site *site,
                                     struct stack *stack, const struct context *context)
{
    if (!context_is_declared(context) || !kind_is_given_back(site->key.kind) ||
        !stack_is_of_project(report->model, stack) || stack_is_of_accept(report->model, stack))
        return SEVERITY_NOTE;
    return leftover_severity(report, context, SEVERITY_WARNING);
}

/* When the limit is reached that counts these; CTT_NEVER: no telling. */
static uint64_t forecast_ns(const struct report *report, const struct site *site,
                            const struct rise *rise, double bytes_each, const char **ret_limit)
{
    bool is_descriptor = kind_is_descriptor(site->key.kind);
    bool is_memory = site->key.kind == CTT_KIND_MEMORY || site->key.kind == CTT_KIND_MAPPING;
    const struct limit *limit;
    double seconds;

    *ret_limit = is_descriptor ? "nofile" : "as";
    limit = is_descriptor || is_memory ? model_limit(report->model, *ret_limit) : NULL;
    if (!limit || limit->soft == CTT_NEVER || limit->used == CTT_NEVER ||
        limit->soft <= limit->used || rise->line.residual >= residual_most || rise->line.slope <= 0)
        return CTT_NEVER;
    seconds = (double)(limit->soft - limit->used) / rise->line.slope;
    if (is_memory)
        seconds = bytes_each > 0 ? seconds / bytes_each : INFINITY;
    return seconds < 1e9 ? (uint64_t)(seconds * 1e9) : CTT_NEVER;
}

static void growth_tell(struct report *report, struct finding *finding, const struct site *site,
                        const struct rise *rise, double bytes_each)
{
    struct pool *pool = report->model->pool;
    struct evidence *evidence = evidence_new(pool, finding);
    const struct growing *growing = &rise->growing;
    const struct ctt_point *first = growing->points[0], *last = growing->points[growing->count - 1];
    const char *limit;
    uint64_t left = forecast_ns(report, site, rise, bytes_each, &limit);

    evidence_line(evidence,
                  pool_format(pool,
                              "grew from %" PRIu64 " to %" PRIu64 " in %zu counts over %s "
                              "(Mann-Kendall p = %.2g)",
                              first->live, last->live, growing->count,
                              duration_phrase(pool, last->at_ns - first->at_ns), rise->p));
    if (left != CTT_NEVER)
        evidence_line(evidence,
                      pool_format(pool, "%.3g more a second: at that rate the limit (%s) in %s",
                                  rise->line.slope, limit, duration_phrase(pool, left)));
    evidence_count(evidence, "windows", growing->count);
    evidence_time(evidence, "span", last->at_ns - first->at_ns);
    evidence_count(evidence, "first", first->live);
    evidence_count(evidence, "last", last->live);
    evidence_fraction(evidence, "p", rise->p);
    evidence_fraction(evidence, "per_second", rise->line.slope);
    evidence_fraction(evidence, "residual", rise->line.residual);
    if (left != CTT_NEVER) {
        evidence_word(evidence, "limit", limit);
        evidence_time(evidence, "limit_in", left);
    }
    if (kind_is_descriptor(site->key.kind))
        evidence_descriptors(report, evidence);
}

static void site_judge(struct report *report, const struct detector *self, const struct site *site)
{
    struct stack *stack = model_stack(report->model, site->key.stack);
    struct context *context;
    struct holding *holding;
    struct finding *finding = NULL;
    struct rise rise;
    uint64_t held, bytes;

    if (kind_is_judged_apart(site->key.kind) || !rise_find(report, site, &rise))
        return;
    context = context_of_most(report, site);
    held = held_in(report, site, context, &bytes);
    if (!context_never_ends(report, context) || held < report->settings.pile_up ||
        2 * held < rise.growing.points[rise.growing.count - 1]->live ||
        (site->key.kind == CTT_KIND_MEMORY && context->kind == CTT_CONTEXT_PROCESS &&
         !report->request->all))
        return;
    DL_FOREACH (report->model->holdings, holding) {
        if (!holding_is_of(holding, site, context))
            continue;
        finding_add_holding(report, self, holding, GRADE_HEURISTIC,
                            growth_severity(report, site, stack, context));
        finding = holding->finding;
    }
    if (finding)
        growth_tell(report, finding, site, &rise, (double)bytes / (double)held);
}

static void run(struct report *report, const struct detector *self)
{
    for (const struct site *site = report->model->sites; site; site = site->hh.next) {
        if (site->series && site->series->count >= WINDOWS_LEAST)
            site_judge(report, self, site);
    }
}

const struct detector detector_growth = {
    .name = "growth",
    .sentence = "more and more of one stack held in a context that goes on",
    .run = run,
};
