/* SPDX-License-Identifier: MIT */
/*
 * The tasks of a live snapshot, and what the kernel shows although no hook
 * saw it.
 */
#include "text_parts.h"

#include <inttypes.h>

#include "../project.h"

enum { TASKS_TOP = 40, UNTRACKED_TOP = 10 };

static const char *task_creation(struct text *text, const struct task *t)
{
    const struct frame *frame;

    if (t->flags & CTT_TASK_MAIN)
        return "main thread";
    if (t->flags & CTT_TASK_UNTRACKED)
        return "untracked: made by a way that no hook saw";
    frame = stack_best_frame(text->report->model, t->created_stack);
    if (!frame)
        return t->creator ? pool_format(text->pool, "task %u", t->creator) : "-";
    return pool_format(text->pool, "%s %s", text_function(text, frame),
                       text_place(text, frame, false));
}

static const char *task_state(struct text *text, const struct task *t)
{
    if (t->flags & CTT_TASK_ENDED)
        return t->flags & (CTT_TASK_JOINED | CTT_TASK_DETACHED) ? "ended" : "ended, not joined";
    return t->state ? t->state : "-";
}

void text_write_tasks(struct text *text)
{
    struct model *model = text->report->model;
    size_t total = HASH_COUNT(model->tasks), limit = text_top(text, total, TASKS_TOP), shown = 0;

    if (!total)
        return;
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "tasks (%zu)", total);
    text_line(text, PAINT_DIM, "  %7s  %-16s %-17s %-16s %8s %8s  %s", "tid", "name", "state",
              "wait", "for", "age", "created by");
    for (const struct task *t = model->tasks; t && shown < limit; t = t->hh.next, shown++) {
        text_line(text, PAINT_NONE, "  %7u  %s %s %s %8s %8s  %s", t->tid,
                  text_cell(text, t->name, 16), text_cell(text, task_state(text, t), 17),
                  text_cell(text, t->wait, 16),
                  t->wait_ns == CTT_NEVER ? "-" : text_duration(text, t->wait_ns),
                  text_age(text, t->created_ns), task_creation(text, t));
    }
    text_write_rest(text, total, limit);
}

void text_write_untracked(struct text *text)
{
    struct model *model = text->report->model;
    const struct holding *h;
    size_t total = 0, limit, shown = 0;

    DL_FOREACH (model->holdings, h)
        total += (h->flags & CTT_HOLDING_UNTRACKED) && !h->hidden;
    if (!total)
        return;
    limit = text_top(text, total, UNTRACKED_TOP);
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "untracked (%zu; the kernel shows them, no hook saw them)", total);
    DL_FOREACH (model->holdings, h) {
        if (!(h->flags & CTT_HOLDING_UNTRACKED) || h->hidden)
            continue;
        if (shown++ == limit)
            break;
        text_line(text, PAINT_NONE, "  %s %" PRIu64 "  %s",
                  text_cell(text, model_kind_name(model, h->kind), 8), h->handle,
                  h->name ? h->name : "");
    }
    text_write_rest(text, total, limit);
}
