/* SPDX-License-Identifier: MIT */
/*
 * The report for a person: who, the verdict, the findings worst first, and
 * for a live snapshot what is held now. At most 100 columns; the order never
 * changes from run to run.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "../detectors/detector.h"
#include "../live.h"
#include "../words.h"

enum { VERDICT_COLUMN = 62 };

size_t text_top(const struct text *text, size_t total, size_t top)
{
    return text->report->request->all || total < top ? total : top;
}

void text_write_rest(struct text *text, size_t total, size_t shown)
{
    if (total > shown)
        text_line(text, PAINT_DIM, "  and %zu more (--all)", total - shown);
}

static const char *signal_name(struct text *text, uint32_t number)
{
    const char *name = sigabbrev_np((int)number);

    if (name)
        return pool_format(text->pool, "SIG%s", name);
    if ((int)number >= SIGRTMIN && (int)number <= SIGRTMAX)
        return pool_format(text->pool, "SIGRTMAX-%d", SIGRTMAX - (int)number);
    return pool_format(text->pool, "signal %u", number);
}

static const char *trigger_phrase(struct text *text)
{
    const struct process *process = &text->report->model->process;
    const struct ctt_process *facts = &process->facts;

    switch (facts->trigger) {
    case CTT_TRIGGER_EXIT:
        return facts->exit_code < 0 ? "exit" : pool_format(text->pool, "exit %d", facts->exit_code);
    case CTT_TRIGGER_FATAL:
        return pool_format(text->pool, "killed by %s", signal_name(text, facts->signal));
    case CTT_TRIGGER_RECOVERED:
        return "ended silently, recovered";
    case CTT_TRIGGER_SIGNAL:
        return pool_format(text->pool, "snapshot #%u (%s)", facts->sequence,
                           signal_name(text, facts->signal));
    default:
        return pool_format(text->pool, "snapshot #%u (%s%s%s)", facts->sequence,
                           trigger_word(facts->trigger), process->cause ? ", " : "",
                           process->cause ? process->cause : "");
    }
}

void text_write_head(struct text *text)
{
    const struct process *process = &text->report->model->process;
    time_t seconds = (time_t)(process->facts.taken_wall_ns / UINT64_C(1000000000));
    char moment[40] = "";
    struct tm tm;

    if (process->facts.taken_wall_ns && gmtime_r(&seconds, &tm))
        strftime(moment, sizeof(moment), "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_line(text, PAINT_BOLD, "ctxtrace %s  %s[%u]%s%s  %s  %s  up %s", CTXTRACE_VERSION,
              process->name ? process->name : "?", process->facts.pid, process->host ? "@" : "",
              process->host ? process->host : "", trigger_phrase(text), moment,
              text_duration(text, process->facts.uptime_ns));
    if (process->trace_id)
        text_line(text, PAINT_NONE, "started in trace %s", process->trace_id);
    if (text->report->request->trace)
        text_line(text, PAINT_BOLD, "only what belongs to trace %s", text->report->request->trace);
}

/* Of the notes of one detector. */
static const char *counts_of_findings(struct text *text, const char *detector)
{
    struct kind_counts counts = {0};

    for (const struct finding *f = text->report->findings; f; f = f->hh.next) {
        if (strcmp(f->detector->name, detector) == 0 && f->severity == SEVERITY_NOTE)
            kind_counts_add(&counts, f->kind, f->count);
    }
    return text_counts(text, &counts);
}

static const char *counts_of_live(struct text *text)
{
    struct kind_total totals[KIND_TOTALS_MAX];
    size_t count = kind_totals_make(text->report, totals);
    const char *list = "";

    for (size_t i = 0; i < count; i++) {
        if (totals[i].live)
            list = pool_format(text->pool, "%s%s%s%s", list, *list ? ", " : "",
                               model_is_sampled(text->report->model, totals[i].kind) ? "~" : "",
                               text_count(text, totals[i].live, totals[i].kind));
    }
    return list;
}

static uint64_t held_after_cancel(const struct report *report)
{
    uint64_t held = 0;

    for (const struct finding *f = report->findings; f; f = f->hh.next) {
        if (detector_is_of_cancel(f->detector) && f->severity != SEVERITY_NOTE)
            held += f->count;
    }
    return held;
}

/* Why nothing can be said, where the tracker told. */
static const char *inconclusive_reason(const struct model *model)
{
    const struct blind_spot *spot;

    DL_FOREACH (model->blind_spots, spot)
        if (spot->status == CTT_HEALTH_INCONCLUSIVE && spot->note)
            return spot->note;
    return "the tracker saw too little to judge";
}

static const char *verdict_text(struct text *text)
{
    const struct report *report = text->report;
    unsigned findings = report_finding_count(report);
    uint64_t held = held_after_cancel(report);
    bool at_end = model_is_end(report->model);
    const char *verdict, *rest;

    if (!findings && report_health(report) == CTT_HEALTH_INCONCLUSIVE)
        return pool_format(text->pool, "verdict: INCONCLUSIVE, %s",
                           inconclusive_reason(report->model));
    verdict = pool_format(text->pool, "verdict: %u %s%s", findings,
                          findings == 0   ? "findings"
                          : findings == 1 ? "FINDING"
                                          : "FINDINGS",
                          report->model->fault ? " in the part that could be read" : "");
    if (held)
        verdict = pool_format(text->pool, "%s, %" PRIu64 " resource%s held after cancel", verdict,
                              held, held == 1 ? "" : "s");
    if (findings && !at_end)
        return verdict;
    rest = at_end ? counts_of_findings(text, "held-at-exit") : counts_of_live(text);
    if (*rest)
        verdict = pool_format(text->pool, "%s; %s %s", verdict, rest,
                              at_end ? "still held at exit" : "held now");
    return verdict;
}

static enum paint verdict_paint(const struct report *report)
{
    if (report_finding_count(report))
        return PAINT_BAD;
    return report_health(report) == CTT_HEALTH_FULL ? PAINT_GOOD : PAINT_BOLD;
}

static void verdict_write(struct text *text)
{
    const char *verdict = verdict_text(text), *coverage = text_coverage(text);
    enum paint paint = verdict_paint(text->report);

    if (strlen(verdict) < VERDICT_COLUMN && strlen(coverage) + VERDICT_COLUMN < TEXT_COLUMNS) {
        text_line(text, paint, "%-*s %s", VERDICT_COLUMN, verdict, coverage);
        return;
    }
    text_line(text, paint, "%s", verdict);
    text_line(text, PAINT_NONE, "%s", coverage);
}

void render_verdict(const struct report *report, FILE *out)
{
    struct text text = {.report = report, .pool = pool_new(), .out = out};
    const struct process *process = &report->model->process;

    /* No line of its own for the coverage here, and never called clean. */
    text_write_injected(&text);
    text_line(&text, verdict_paint(report), "%s%s%s   (%s[%u])", verdict_text(&text),
              report_health(report) == CTT_HEALTH_DEGRADED ? "; " : "",
              report_health(report) == CTT_HEALTH_DEGRADED ? text_coverage(&text) : "",
              process->name ? process->name : "?", process->facts.pid);
    pool_free(text.pool);
}

void render_text(const struct report *report, FILE *out)
{
    struct text text = {.report = report, .pool = pool_new(), .out = out};
    bool live = !model_is_end(report->model);

    text_write_injected(&text);
    text_write_head(&text);
    verdict_write(&text);
    text_write_findings(&text);
    if (report->request->contexts)
        text_write_contexts(&text);
    else
        text_write_blamed_contexts(&text);
    text_write_injections(&text);
    text_write_notes(&text);
    if (live)
        text_write_held_now(&text);
    if (report->request->tasks)
        text_write_task_dump(&text);
    else if (live)
        text_write_tasks(&text);
    text_write_untracked(&text);
    text_write_health(&text);
    pool_free(text.pool);
}
