/* SPDX-License-Identifier: MIT */
/*
 * Everything about one finding or one thing of a dump: for `ctxtrace show`. A page for
 * each sort of subject, put together from the report's own parts, with whole stacks.
 */
#include "text_show.h"

#include <inttypes.h>
#include <string.h>

#include "../detectors/detector.h"
#include "../task_units.h"
#include "../words.h"
#include "text_parts.h"

enum { LISTED_TOP = 50 };

static void title_write(struct text *text, const char *title)
{
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "%s", title);
}

static void listed_rest_write(struct text *text, size_t total)
{
    if (total > LISTED_TOP)
        text_line(text, PAINT_DIM, "  and %zu more (ctxtrace report --all --format=json)",
                  total - LISTED_TOP);
}

/* ---- a finding ---- */

static void members_write(struct text *text, const struct finding *f)
{
    size_t total = 0;

    if (!f->holdings)
        return;
    title_write(text, "what it holds");
    for (const struct holding *h = f->holdings; h; h = h->next_in_finding) {
        if (total++ >= LISTED_TOP)
            continue;
        text_line(text, PAINT_NONE, "  %s%s", text_holding_title(text, h),
                  h->flags & CTT_HOLDING_CLOEXEC ? "  O_CLOEXEC" : "");
        text_write_history(text, h);
    }
    listed_rest_write(text, total);
}

/* A mishap's finding is of where it happened; those of the acquisition are of interest. */
static void finding_show(struct text *text, const struct finding *f)
{
    text_write_finding(text, 0, f);
    text_write_context_chain(text, f->context);
    members_write(text, f);
    if (f->holdings) {
        text_write_release_stacks(text, f->site);
        text_write_mishaps_of(text, f->stack);
    }
}

/* Two lines of one function may have the same id. */
static void findings_show(struct text *text, const struct finding *first)
{
    for (const struct finding *f = first; f; f = f->hh.next) {
        if (strcmp(f->id, first->id) != 0)
            continue;
        finding_show(text, f);
        if (f->rule)
            text_line(text, PAINT_NONE, "    rule    hidden by %s  (%s)", f->rule->text,
                      f->rule->place);
    }
}

/* ---- a holding ---- */

static void holding_show(struct text *text, const struct holding *h)
{
    const struct site *site = model_site(text->report->model, h->stack, h->kind);

    title_write(text, pool_format(text->pool, "%s%s", text_holding_title(text, h),
                                  h->flags & CTT_HOLDING_CLOEXEC ? "  O_CLOEXEC" : ""));
    if (h->finding)
        text_line(text, PAINT_NONE, "    told    %s, id %s%s%s", h->finding->detector->name,
                  h->finding->id, h->finding->rule ? ", hidden by " : "",
                  h->finding->rule ? h->finding->rule->text : "");
    if (h->context)
        text_line(text, PAINT_NONE, "    whose   %s", text_context_path(text, h->context));
    text_write_history(text, h);
    text_write_siblings(text, "seen", site);
    text_write_stack(text, "stack", h->stack);
    text_write_context_chain(text, h->context);
    text_write_release_stacks(text, site);
    text_write_mishaps_of(text, h->stack);
}

/* ---- a task, a context ---- */

static void holdings_write(struct text *text, const char *title, const struct task *task,
                           const struct context *context)
{
    const struct holding *h;
    size_t total = 0;

    title_write(text, title);
    DL_FOREACH (text->report->model->holdings, h) {
        if (task ? h->grouped || h->task != task : h->context != context)
            continue;
        if (total++ < LISTED_TOP)
            text_line(text, PAINT_NONE, "  %s %s", text_cell(text, text_holding_title(text, h), 48),
                      text_where(text, text->report->model, h->stack));
    }
    if (!total)
        text_line(text, PAINT_NONE, "  nothing");
    listed_rest_write(text, total);
}

static void state_write(struct text *text, const struct task *t)
{
    struct task_unit alone = {.thread = (struct task *)t};
    struct task_doing doing;

    if (t->flags & CTT_TASK_DECLARED)
        alone = (struct task_unit){.thread = t->thread, .job = (struct task *)t};
    doing = task_unit_doing(text->report, &alone);
    text_line(text, PAINT_NONE, "    state   %s%s%s%s%s", doing.state, t->wait ? ", wait: " : "",
              t->wait ? t->wait : "", t->wait && t->wait_ns != CTT_NEVER ? " for " : "",
              t->wait && t->wait_ns != CTT_NEVER ? text_duration(text, t->wait_ns) : "");
    if (t->why)
        text_line(text, PAINT_NONE, "    waits   for %s 0x%" PRIx64 "%s%s, as it says", t->why,
                  t->object, t->blocked_ns ? ", " : "",
                  t->blocked_ns ? text_age(text, t->blocked_ns) : "");
    if (t->thread)
        text_line(text, PAINT_NONE, "    thread  %s", text_task(text, t->thread->id));
    if (t->job)
        text_line(text, PAINT_NONE, "    work    %s", text_task(text, t->job->id));
}

static void task_show(struct text *text, const struct task *t)
{
    title_write(text, text_task(text, t->id));
    state_write(text, t);
    text_line(text, PAINT_NONE, "    made    %s%s%s", text_moment(text, t->created_ns),
              t->creator ? " by " : "", t->creator ? text_task(text, t->creator) : "");
    if (t->ended_ns != CTT_NEVER)
        text_line(text, PAINT_NONE, "    ended   %s", text_moment(text, t->ended_ns));
    if (t->created_stack)
        text_write_stack(text, "stack", t->created_stack);
    if (t->end_stack)
        text_write_stack(text, "now at", t->end_stack);
    text_write_context_chain(text, t->context);
    holdings_write(text, "acquired by it and held (without memory)", t, NULL);
}

static void context_show(struct text *text, const struct context *c)
{
    text_write_context_chain(text, c);
    if (c->created_stack)
        text_write_stack(text, "made", c->created_stack);
    if (c->ended_stack)
        text_write_stack(text, "ended", c->ended_stack);
    holdings_write(text, "acquired in it and held", NULL, c);
}

void render_subject(const struct report *report, const struct subject *subject, FILE *out)
{
    struct text text = {.report = report, .pool = pool_new(), .out = out};

    text_write_injected(&text);
    text_write_head(&text);
    if (subject->finding)
        findings_show(&text, subject->finding);
    else if (subject->holding)
        holding_show(&text, subject->holding);
    else if (subject->task)
        task_show(&text, subject->task);
    else
        context_show(&text, subject->context);
    pool_free(text.pool);
}
