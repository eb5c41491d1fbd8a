/* SPDX-License-Identifier: MIT */
/*
 * What one holding went through, as far as the tracker has seen it: where it came from,
 * whose it became, who used it last; and what happened to its siblings that should not
 * have. For `ctxtrace show`; nothing of it is judged here.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../detectors/rules.h"
#include "../words.h"

const char *text_task(struct text *text, uint32_t id)
{
    const struct task *task = id ? model_task(text->report->model, id) : NULL;

    if (!id)
        return "an unknown task";
    if (!task)
        return pool_format(text->pool, "%s (gone)", text_task_id(text, id));
    if (task->flags & CTT_TASK_DECLARED)
        return pool_format(text->pool, "%s%s%s", text_task_id(text, id), task->name ? " " : "",
                           task->name ? task->name : "");
    return pool_format(text->pool, "task %u (tid %u%s%s)", id, task->tid, task->name ? " " : "",
                       task->name ? task->name : "");
}

static const char *where(struct text *text, struct stack *stack)
{
    return text_where(text, text->report->model, stack);
}

/* What is known by a number; the others by an address. */
static bool has_number(uint32_t kind)
{
    return kind_is_descriptor(kind) && kind != CTT_KIND_STREAM && kind != CTT_KIND_DIR;
}

static void use_write(struct text *text, const struct holding *h)
{
    if (h->last_used_ns == CTT_NEVER) {
        if (has_number(h->kind))
            text_line(text, PAINT_NONE, "    used    by no call that is watched");
        return;
    }
    text_line(text, PAINT_NONE, "    used    last %s by %s", text_moment(text, h->last_used_ns),
              text_task(text, h->last_task));
    if (h->last_task && h->task_id && h->last_task != h->task_id)
        text_line(text, PAINT_NONE, "            another task than acquired it%s",
                  h->flags & CTT_HOLDING_USED_ELSEWHERE ? ", after its context's end" : "");
}

static void flags_write(struct text *text, const struct holding *h)
{
    static const struct {
        uint32_t flag;
        const char *phrase;
    } rows[] = {
        {CTT_HOLDING_INHERITED, "inherited from the process that made this one"},
        {CTT_HOLDING_UNTRACKED, "seen by the kernel alone: no hook saw where it came from"},
        {CTT_HOLDING_GONE, "closed by a way that no hook saw"},
        {CTT_HOLDING_SENT, "a copy of it was sent to another process (SCM_RIGHTS)"},
        {CTT_HOLDING_EARLY, "acquired before the program's start"},
        {CTT_HOLDING_STDIO, "standard input or output, or what stands on it"},
        {CTT_HOLDING_IGNORED, "left alone by the program's wish"},
        {CTT_HOLDING_ENDED, "has ended, and was not collected"},
        {CTT_HOLDING_DETACHED, "need not be collected"},
        {CTT_HOLDING_LIBC_ONLY, "forgotten: nothing but libc itself refers to it"},
        {CTT_HOLDING_REAPLESS, "collected by nobody: SIGCHLD is ignored"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (h->flags & rows[i].flag)
            text_line(text, PAINT_NONE, "    state   %s", rows[i].phrase);
    }
}

/* What lies under a stream or directory, whose handle it is known by. */
static void parts_write(struct text *text, const struct holding *owner)
{
    const struct holding *h;

    if (owner->grouped || (owner->kind != CTT_KIND_STREAM && owner->kind != CTT_KIND_DIR))
        return;
    DL_FOREACH (text->report->model->holdings, h) {
        if (h->grouped || !(h->flags & CTT_HOLDING_OWNED) || h->owner != owner->handle ||
            h->owner_kind != owner->kind)
            continue;
        text_line(text, PAINT_NONE, "    owns    %s%s", text_holding_title(text, h),
                  h->flags & CTT_HOLDING_PART ? "" : "  (there before it)");
    }
}

void text_write_history(struct text *text, const struct holding *h)
{
    if (h->oldest_ns != CTT_NEVER)
        text_line(text, PAINT_NONE, "    got     %s%s%s, %s ago", text_moment(text, h->oldest_ns),
                  h->task_id ? " by " : "", h->task_id ? text_task(text, h->task_id) : "",
                  text_age(text, h->oldest_ns));
    if (h->source)
        text_line(text, PAINT_NONE, "    copy    of fd %u, acquired by %s", h->source - 1,
                  where(text, h->source_stack));
    if (h->flags & CTT_HOLDING_OWNED)
        text_line(text, PAINT_NONE, "    owner   %s 0x%" PRIx64 "%s",
                  model_kind_name(text->report->model, h->owner_kind), h->owner,
                  h->flags & CTT_HOLDING_PART ? ", which opened it" : ", which took it over");
    parts_write(text, h);
    use_write(text, h);
    flags_write(text, h);
}

/* ---- mishaps ---- */

void text_write_mishaps_of(struct text *text, const struct stack *stack)
{
    const struct mishap *m;
    bool begun = false;

    if (!stack)
        return;
    DL_FOREACH (text->report->model->mishaps, m) {
        const char *error = m->error ? strerrorname_np((int)m->error) : NULL;

        if (m->acquired_stack != stack)
            continue;
        if (!begun) {
            text_line(text, PAINT_NONE, "%s", "");
            text_line(text, PAINT_BOLD, "mishaps of what this stack acquired");
        }
        begun = true;
        text_line(
            text, PAINT_NONE, "  %s%s%s, %" PRIu64 " times, last %s with %s %s", mishap_word(m->id),
            error ? " " : "", error ? error : "", m->count, text_moment(text, m->last_ns),
            model_kind_name(text->report->model, m->kind),
            pool_format(text->pool, has_number(m->kind) ? "%" PRIu64 : "0x%" PRIx64, m->handle));
        text_write_stack(text, "at", m->stack);
    }
}

/* ---- contexts ---- */

static const char *context_words(struct text *text, const struct context *c)
{
    const char *name = c->name && c->kind != CTT_CONTEXT_PROCESS ? c->name : "";
    const char *end = "";

    if (c->ended_ns != CTT_NEVER)
        end = pool_format(text->pool, " %s", text_moment(text, c->ended_ns));
    return pool_format(text->pool, "%s %u%s%s: %s%s%s%s%s", context_kind_word(c->kind), c->id,
                       *name ? " " : "", name, state_phrase(c->state), end,
                       c->cause ? ", cause: " : "", c->cause ? c->cause : "",
                       c->flags & CTT_CONTEXT_IGNORED ? "; what is held in it is meant to be" : "");
}

void text_write_context_chain(struct text *text, const struct context *context)
{
    if (!context)
        return;
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "contexts, from the inmost out");
    for (const struct context *c = context; c; c = c->parent) {
        text_line(text, PAINT_NONE, "  %s", context_words(text, c));
        if (c->kind == CTT_CONTEXT_PROCESS)
            continue;
        text_line(text, PAINT_NONE, "    made    %s%s%s%s%s", text_moment(text, c->created_ns),
                  c->created_stack ? " by " : "",
                  c->created_stack ? where(text, c->created_stack) : "", c->task ? " in " : "",
                  c->task ? text_task(text, c->task->id) : "");
        if (c->ended_stack)
            text_line(text, PAINT_NONE, "    ended   by %s", where(text, c->ended_stack));
        if (c->trace_id)
            text_line(text, PAINT_NONE, "    trace   %s %s", c->trace_id,
                      c->span_id ? c->span_id : "");
        if (c->value_key)
            text_line(text, PAINT_NONE, "    value   %s=%s", c->value_key,
                      c->value ? c->value : "");
        if (c->deadline_ns && c->deadline_ns != CTT_NEVER)
            text_line(text, PAINT_NONE, "    due     %s", text_moment(text, c->deadline_ns));
    }
}
