/* SPDX-License-Identifier: MIT */
/*
 * See json_lists.h.
 */
#include "json_lists.h"

#include <string.h>

#include "../detectors/detector.h"
#include "../live.h"
#include "../trace.h"
#include "../words.h"

enum { ITEMS_MAX = 100 }; /* of one finding; --all lifts it */

void json_write_stack(struct json *json, const char *key, struct stack *stack)
{
    if (!stack) {
        json_null(json, key);
        return;
    }
    stack->shown = true;
    json_number(json, key, stack->id);
}

void json_write_id(struct json *json, const char *key, uint32_t id)
{
    if (id)
        json_number(json, key, id);
    else
        json_null(json, key);
}

static void age_write(struct json *json, const struct report *report, uint64_t since_ns)
{
    json_seconds(json, "age_s",
                 since_ns == CTT_NEVER ? CTT_NEVER : time_between(since_ns, report->now_ns));
}

void json_write_estimate(struct json *json, const struct report *report, uint32_t kind,
                         const struct estimate *estimate)
{
    if (!model_is_sampled(report->model, kind))
        return;
    json_open(json, "estimate", '{');
    json_number(json, "recorded", estimate->recorded);
    json_number(json, "recorded_bytes", estimate->recorded_bytes);
    json_number(json, "sampled", estimate->sampled);
    json_fraction(json, "count", (double)estimate->recorded + estimate->more_count);
    json_fraction(json, "bytes", (double)estimate->recorded_bytes + estimate->more_bytes);
    json_number(json, "count_error", (uint64_t)(estimate_count_error(estimate) + 0.5));
    json_number(json, "bytes_error", (uint64_t)(estimate_bytes_error(estimate) + 0.5));
    json_close(json, '}');
}

static void handle_write(struct json *json, const struct holding *h)
{
    switch (h->kind) {
    case CTT_KIND_FD:
    case CTT_KIND_SOCKET:
    case CTT_KIND_PIPE:
    case CTT_KIND_EVENT:
        json_number(json, "fd", h->handle);
        break;
    case CTT_KIND_THREAD:
        json_number(json, "tid", h->handle);
        break;
    case CTT_KIND_PROCESS:
        json_number(json, "pid", h->handle);
        break;
    default:
        json_address(json, "handle", h->handle);
    }
}

/* Of a copy: of which descriptor, and where that was acquired. */
static void source_write(struct json *json, const struct holding *h)
{
    if (!h->source)
        return;
    json_number(json, "copy_of", h->source - 1);
    json_write_stack(json, "copy_of_stack", h->source_stack);
}

static void item_write(struct json *json, const struct report *report, const struct holding *h)
{
    json_open(json, NULL, '{');
    if (!h->grouped)
        handle_write(json, h);
    json_text(json,
              h->kind == CTT_KIND_FD || h->kind == CTT_KIND_STREAM || h->kind == CTT_KIND_DIR
                  ? "path"
                  : "name",
              h->name);
    if (h->peer)
        json_text(json, "peer", h->peer);
    json_text(json, "detail_kind", h->detail);
    json_write_id(json, "context", h->context ? h->context->id : 0);
    json_write_id(json, "task", h->task ? h->task->id : 0);
    json_number(json, "count", h->count);
    json_number(json, "bytes", h->bytes);
    json_write_estimate(json, report, h->kind, &h->estimate);
    if (reach_word(reach_number(h->flags)))
        json_text(json, "reach", reach_word(reach_number(h->flags)));
    json_seconds(json, "acquired_s", h->oldest_ns);
    json_seconds(json, "last_used_s", h->last_used_ns);
    json_bool(json, "cloexec", h->flags & CTT_HOLDING_CLOEXEC);
    source_write(json, h);
    age_write(json, report, h->oldest_ns);
    json_close(json, '}');
}

static void items_write(struct json *json, const struct report *report, const struct finding *f)
{
    unsigned written = 0;

    json_open(json, "items", '[');
    for (const struct holding *h = f->holdings; h; h = h->next_in_finding) {
        if (written++ >= ITEMS_MAX && !report->request->all)
            break;
        item_write(json, report, h);
    }
    json_close(json, ']');
}

static void finding_write(struct json *json, const struct report *report, const struct finding *f)
{
    const struct mishap *m = f->mishaps;

    json_open(json, NULL, '{');
    json_text(json, "id", f->id);
    json_text(json, "similar_id", f->similar_id);
    json_bool(json, "weak_id", f->weak);
    json_text(json, "detector", f->detector->name);
    json_text(json, "grade", grade_word(f->grade));
    json_text(json, "severity", severity_word(f->severity));
    json_text(json, "kind", model_kind_name(report->model, f->kind));
    json_text(json, "detail_kind", f->holdings ? f->holdings->detail : NULL);
    json_number(json, "count", f->count);
    json_number(json, "bytes", f->bytes);
    json_write_id(json, "context", f->context ? f->context->id : 0);
    json_text(json, "trace_id", context_trace(f->context));
    json_write_id(json, "task", f->task ? f->task->id : 0);
    json_write_stack(json, "stack", f->stack);
    if (m) {
        json_write_stack(json, "acquired_stack", m->acquired_stack);
        json_write_stack(json, "released_stack", m->released_stack);
    }
    json_seconds(json, "acquired_s", f->oldest_ns);
    json_seconds(json, "context_ended_s", f->ended_ns);
    age_write(json, report, f->oldest_ns);
    json_write_siblings(json, f->site);
    json_write_evidence(json, f->evidence);
    items_write(json, report, f);
    json_write_lost(json, f);
    if (f->milder && f->severity == SEVERITY_NOTE)
        json_text(json, "milder", f->milder);
    if (f->lapsed)
        json_text(json, "lapsed", f->lapsed->text);
    if (f->rule)
        json_text(json, "suppressed", f->rule->text);
    else
        json_bool(json, "suppressed", false);
    json_close(json, '}');
}

void json_write_findings(struct json *json, const struct report *report)
{
    json_open(json, "findings", '[');
    for (const struct finding *f = report->findings; f; f = f->hh.next)
        finding_write(json, report, f);
    json_close(json, ']');
    json_open(json, "suppressed", '[');
    for (const struct finding *f = report->suppressed; f; f = f->hh.next)
        finding_write(json, report, f);
    json_close(json, ']');
}

void json_write_live(struct json *json, const struct report *report)
{
    struct live live = live_make(report, true);

    json_open(json, "live", '[');
    for (size_t i = 0; i < live.count; i++) {
        const struct live_row *row = &live.rows[i];

        json_open(json, NULL, '{');
        json_text(json, "kind", model_kind_name(report->model, row->kind));
        json_write_id(json, "context", row->context ? row->context->id : 0);
        json_write_stack(json, "stack", row->stack);
        json_number(json, "count", row->count);
        json_number(json, "bytes", row->bytes);
        json_write_estimate(json, report, row->kind, &row->estimate);
        age_write(json, report, row->oldest_ns);
        if (row->site) {
            json_number(json, "acquired", row->site->acquired);
            json_number(json, "released", row->site->released);
        } else {
            json_null(json, "acquired");
            json_null(json, "released");
        }
        json_write_siblings(json, row->site);
        json_write_live_reach(json, row);
        json_close(json, '}');
    }
    json_close(json, ']');
    live_drop(&live);
}

void json_write_untracked(struct json *json, const struct report *report)
{
    const struct holding *h;

    json_open(json, "untracked", '[');
    DL_FOREACH (report->model->holdings, h) {
        if (!(h->flags & CTT_HOLDING_UNTRACKED) || h->hidden)
            continue;
        json_open(json, NULL, '{');
        json_text(json, "kind", model_kind_name(report->model, h->kind));
        handle_write(json, h);
        json_text(json, "name", h->name);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void flags_write(struct json *json, uint32_t flags)
{
    static const char *const words[] = {
        "inherited", "untracked", "owned", "cloexec", "ended", "detached", "used_elsewhere",
        "ignored",   "libc_only", "stdio", "gone",    "early", "reapless",
    };

    json_open(json, "flags", '[');
    for (size_t bit = 0; bit < sizeof(words) / sizeof(words[0]); bit++) {
        if (flags & (UINT32_C(1) << bit))
            json_text(json, NULL, words[bit]);
    }
    json_close(json, ']');
}

/* Every single holding, blameless ones too: long, so only with --all. */
void json_write_holdings(struct json *json, const struct report *report)
{
    const struct holding *h;

    if (!report->request->all)
        return;
    json_open(json, "holdings", '[');
    DL_FOREACH (report->model->holdings, h) {
        if (h->hidden || h->grouped)
            continue;
        json_open(json, NULL, '{');
        json_text(json, "kind", model_kind_name(report->model, h->kind));
        handle_write(json, h);
        flags_write(json, h->flags);
        json_text(json, "name", h->name);
        json_text(json, "peer", h->peer);
        json_text(json, "detail_kind", h->detail);
        json_write_id(json, "context", h->context ? h->context->id : 0);
        json_write_id(json, "task", h->task ? h->task->id : 0);
        json_write_stack(json, "stack", h->stack);
        json_number(json, "bytes", h->bytes);
        json_seconds(json, "acquired_s", h->oldest_ns);
        json_seconds(json, "last_used_s", h->last_used_ns);
        json_write_id(json, "last_task", h->last_used_ns == CTT_NEVER ? 0 : h->last_task);
        source_write(json, h);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* null: the program is as it is without us. */
void json_write_injections(struct json *json, const struct report *report)
{
    const struct injection *i;

    if (!report->model->injected) {
        json_null(json, "injected");
        return;
    }
    json_open(json, "injected", '{');
    json_text(json, "rules", report->model->injected);
    json_number(json, "calls", report->model->injectable_calls);
    json_number(json, "failed", report->model->injected_failures);
    json_open(json, "places", '[');
    DL_FOREACH (report->model->injections, i) {
        json_open(json, NULL, '{');
        json_text(json, "function", i->function);
        json_text(json, "site", i->site);
        json_number(json, "calls", i->calls);
        json_number(json, "failed", i->failed);
        json_text(json, "error", i->failed ? strerrorname_np((int)i->error) : NULL);
        json_write_stack(json, "stack", i->stack);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

/* Who held what when the limit of this errno was hit first. */
static void holders_write(struct json *json, const struct report *report, const struct mishap *m)
{
    const struct holder *h;

    json_open(json, "holders", '[');
    DL_FOREACH (report->model->holders, h) {
        if (m->id != CTT_MISHAP_LIMIT || h->error != m->error)
            continue;
        json_open(json, NULL, '{');
        json_text(json, "kind", h->kind ? model_kind_name(report->model, h->kind) : NULL);
        json_write_stack(json, "stack", h->stack);
        json_number(json, "count", h->count);
        json_number(json, "bytes", h->bytes);
        json_seconds(json, "at_s", h->at_ns);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void json_write_mishaps(struct json *json, const struct report *report)
{
    const struct mishap *m;

    json_open(json, "mishaps", '[');
    DL_FOREACH (report->model->mishaps, m) {
        const char *error = m->error ? strerrorname_np((int)m->error) : NULL;

        if (!report_shows(report, m->context))
            continue;
        json_open(json, NULL, '{');
        json_text(json, "name", mishap_word(m->id));
        json_text(json, "kind", model_kind_name(report->model, m->kind));
        json_address(json, "handle", m->handle);
        json_text(json, "error", error);
        json_number(json, "count", m->count);
        json_seconds(json, "first_s", m->first_ns);
        json_seconds(json, "last_s", m->last_ns);
        json_write_id(json, "context", m->context ? m->context->id : 0);
        json_write_id(json, "task", m->task_id);
        json_write_stack(json, "stack", m->stack);
        json_write_stack(json, "acquired_stack", m->acquired_stack);
        json_write_stack(json, "released_stack", m->released_stack);
        json_number(json, "live", m->live);
        json_number(json, "wanted", m->wanted);
        holders_write(json, report, m);
        json_close(json, '}');
    }
    json_close(json, ']');
}
