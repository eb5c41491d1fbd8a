/* SPDX-License-Identifier: MIT */
/*
 * See traces.h.
 */
#include "traces.h"

#include <stdlib.h>
#include <string.h>

#include "trace.h"

struct traces *traces_new(void)
{
    struct traces *traces = xalloc(sizeof(*traces));

    traces->pool = pool_new();
    return traces;
}

struct traces *traces_free(struct traces *traces)
{
    if (!traces)
        return NULL;
    HASH_CLEAR(hh, traces->table);
    pool_free(traces->pool);
    free(traces);
    return NULL;
}

static struct trace *trace_get(struct traces *traces, const char *id)
{
    struct trace *trace;

    HASH_FIND_STR(traces->table, id, trace);
    if (!trace) {
        trace = pool_alloc(traces->pool, sizeof(*trace));
        trace->id = id;
        HASH_ADD_KEYPTR(hh, traces->table, trace->id, strlen(trace->id), trace);
    }
    return trace;
}

/* Reports come one after the other: what is of this one stands last. */
static struct trace_part *part_get(struct traces *traces, const struct report *report,
                                   const struct context *context)
{
    const char *id = context_trace(context);
    struct trace_part *part;
    struct trace *trace;

    if (!id || !report_shows(report, context))
        return NULL;
    trace = trace_get(traces, id);
    if (trace->last_part && trace->last_part->report == report)
        return trace->last_part;
    part = pool_alloc(traces->pool, sizeof(*part));
    part->report = report;
    if (trace->last_part)
        trace->last_part->next = part;
    else
        trace->parts = part;
    trace->last_part = part;
    trace->processes++;
    return part;
}

static void blame(struct traces *traces, const struct report *report, const struct finding *f,
                  const struct context *context)
{
    struct trace_part *part = part_get(traces, report, context);

    if (!part || part->last_finding == f)
        return;
    part->last_finding = f;
    part->findings++;
}

static void findings_add(struct traces *traces, const struct report *report)
{
    for (const struct finding *f = report->findings; f; f = f->hh.next) {
        if (f->severity == SEVERITY_NOTE)
            continue;
        blame(traces, report, f, f->context);
        for (const struct holding *h = f->holdings; h; h = h->next_in_finding)
            blame(traces, report, f, h->context);
        for (const struct mishap *m = f->mishaps; m; m = m->next_in_finding)
            blame(traces, report, f, m->context);
    }
}

void traces_add(struct traces *traces, const struct report *report)
{
    struct trace_part *part;
    const struct holding *h;

    for (const struct context *c = report->model->contexts; c; c = c->hh.next) {
        part = part_get(traces, report, c);
        if (part)
            part->contexts++;
    }
    DL_FOREACH (report->model->holdings, h) {
        part = h->hidden || !holding_is_own(h) || holding_is_ignored(h)
                   ? NULL
                   : part_get(traces, report, h->context);
        if (part)
            part->held += h->count;
    }
    findings_add(traces, report);
}

static int trace_order(struct trace *a, struct trace *b)
{
    if (a->processes != b->processes)
        return a->processes < b->processes ? 1 : -1;
    if (a->findings != b->findings)
        return a->findings < b->findings ? 1 : -1;
    return strcmp(a->id, b->id);
}

void traces_finish(struct traces *traces)
{
    struct trace *trace, *next;

    HASH_ITER(hh, traces->table, trace, next)
    {
        for (const struct trace_part *p = trace->parts; p; p = p->next) {
            trace->contexts += p->contexts;
            trace->findings += p->findings;
            trace->held += p->held;
        }
        if (trace->processes < 2 && !trace->findings)
            HASH_DEL(traces->table, trace);
    }
    HASH_SORT(traces->table, trace_order);
}

const struct trace_part *trace_part_of(const struct trace *trace, const struct report *report)
{
    for (const struct trace_part *p = trace->parts; p; p = p->next) {
        if (p->report == report)
            return p;
    }
    return NULL;
}
