/* SPDX-License-Identifier: MIT */
/*
 * See suppress.h.
 */
#include "suppress.h"

#include <stdlib.h>
#include <string.h>

#include "builtin_rules.h"
#include "project.h"

/* ---- does a rule fit a finding ---- */

static bool frame_fits(const struct rule *rule, const struct frame *frame)
{
    const char *path = frame->module ? frame->module->path : NULL;

    if (rule->module && !pattern_matches(rule->module, path))
        return false;
    return pattern_matches(rule->pattern, frame->function) ||
           pattern_matches(rule->pattern, frame->file) || pattern_matches(rule->pattern, path);
}

/* A built-in rule is of what a library keeps for itself: not of what the project's code
 * acquired by it, nor of what it acquired when that library called it. */
static bool stack_fits(const struct rule *rule, struct model *model, struct stack *stack)
{
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (size_t i = 0; i < count; i++) {
        if (rule->source == RULE_BUILT_IN && frame_in_project(&frames[i]))
            return false;
        if (frame_fits(rule, &frames[i]))
            return true;
    }
    return false;
}

static bool creator_fits(const struct rule *rule, struct model *model, struct stack *stack)
{
    const struct frame *frame = stack_best_frame(model, stack);

    return frame && frame_fits(rule, frame);
}

/* The function that a thread of the finding was last seen in, libc's left aside. */
static bool thread_top_fits(const struct rule *rule, struct model *model, const struct finding *f)
{
    for (const struct holding *h = f->holdings; h; h = h->next_in_finding) {
        for (const struct task *t = model->tasks; t; t = t->hh.next) {
            if (t->tid == h->handle && creator_fits(rule, model, t->end_stack))
                return true;
        }
    }
    return false;
}

/* What merely happened (double-close) is no debt that one could put off. */
static bool finding_fits(const struct rule *rule, struct model *model, const struct finding *f)
{
    if (!f->holdings)
        return false;
    switch (rule->sort) {
    case RULE_LEAK:
        return f->kind == CTT_KIND_MEMORY && stack_fits(rule, model, f->stack);
    case RULE_HELD:
        return (!rule->kind || strcmp(rule->kind, model_kind_name(model, f->kind)) == 0) &&
               stack_fits(rule, model, f->stack);
    case RULE_CREATED_BY:
        return (f->kind == CTT_KIND_THREAD || f->kind == CTT_KIND_PROCESS) &&
               creator_fits(rule, model, f->stack);
    case RULE_THREAD_TOP:
        return f->kind == CTT_KIND_THREAD && thread_top_fits(rule, model, f);
    case RULE_CONTEXT:
        return f->context && pattern_matches(rule->pattern, context_label(f->context));
    }
    return false;
}

/* ---- one rule after the other ---- */

static void finding_hide(struct report *report, struct finding *f, const struct rule *rule)
{
    HASH_DEL(report->findings, f);
    f->rule = rule;
    HASH_ADD_KEYPTR(hh, report->suppressed, f->key, strlen(f->key), f);
}

/* A rule that has lapsed hides nothing; those that it would have hidden say so. */
static void rule_apply(struct report *report, struct rule *rule)
{
    struct finding *f, *next, **fits = NULL;
    unsigned room = HASH_COUNT(report->findings);

    if (!room || rule->bad)
        return;
    fits = xalloc(room * sizeof(struct finding *));
    HASH_ITER(hh, report->findings, f, next)
    {
        if (!finding_fits(rule, report->model, f))
            continue;
        fits[rule->groups++] = f;
        rule->count += f->count;
    }
    rule->exceeded = rule->count > rule->most;
    for (unsigned i = 0; i < rule->groups; i++) {
        if (!rule_has_lapsed(rule))
            finding_hide(report, fits[i], rule);
        else if (!fits[i]->lapsed)
            fits[i]->lapsed = rule;
    }
    free(fits);
}

static void rules_gather(struct report *report)
{
    const struct process *process = &report->model->process;
    struct rule_text of_program = {
        .source = RULE_OF_PROGRAM,
        .name = "program",
        .bytes = process->suppressions,
        .size = process->suppressions ? process->suppressions_bytes : 0,
    };
    const struct rule_text *text;

    DL_FOREACH (report->request->rules, text)
        rules_read(report->model->pool, &report->rules, text);
    DL_FOREACH (report->request->dump_rules, text)
        rules_read(report->model->pool, &report->rules, text);
    rules_read(report->model->pool, &report->rules, &of_program);
    if (report->settings.builtin_rules)
        builtin_rules_add(report->model->pool, &report->rules);
}

void report_suppress(struct report *report)
{
    uint64_t today_ns = report->model->process.facts.taken_wall_ns;
    struct rule *rule;

    rules_gather(report);
    DL_FOREACH (report->rules, rule) {
        rule->expired = rule->ends_ns <= today_ns;
        rule_apply(report, rule);
    }
}

/* ---- what it came to ---- */

struct suppressed_counts suppressed_count(const struct report *report)
{
    struct suppressed_counts counts = {0};
    const struct rule *rule;

    DL_FOREACH (report->rules, rule) {
        if (!rule->groups || rule_has_lapsed(rule))
            continue;
        if (rule->source == RULE_BUILT_IN) {
            counts.built_in += rule->groups;
        } else {
            counts.groups += rule->groups;
            counts.rules++;
        }
    }
    return counts;
}

bool rule_is_debt(const struct rule *rule)
{
    return rule->source != RULE_BUILT_IN && strcmp(rule_state_word(rule), "used") != 0;
}

uint64_t ignored_count(const struct report *report)
{
    const struct holding *h;
    uint64_t count = 0;

    DL_FOREACH (report->model->holdings, h) {
        if (!h->hidden && holding_is_own(h) && holding_is_ignored(h))
            count += h->count;
    }
    return count;
}
