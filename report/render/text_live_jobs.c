/* SPDX-License-Identifier: MIT */
/*
 * The tasks that a running program has declared, beside its threads (text_live_tasks.c): those
 * of one name, made in one place, that threads are at work on are told once, and so are
 * those that none is.
 */
#include "text_parts.h"

#include <string.h>

#include "../project.h"

enum { TASKS_NAMED = 8 };

struct job {
    const struct task *task;
    struct job *next;
};

struct group {
    struct job *first, *last;
    size_t count;
    struct group *next;
};

static bool job_same(const struct task *a, const struct task *b)
{
    return strcmp(a->name ? a->name : "?", b->name ? b->name : "?") == 0 &&
           a->created_stack == b->created_stack && a->creator == b->creator &&
           !a->thread == !b->thread;
}

static void job_add(struct text *text, struct group **place, const struct task *task)
{
    struct job *job = pool_alloc(text->pool, sizeof(*job));

    job->task = task;
    while (*place && (text->report->request->all || !job_same((*place)->first->task, task)))
        place = &(*place)->next;
    if (!*place) {
        *place = pool_alloc(text->pool, sizeof(**place));
        (*place)->first = job;
    } else {
        (*place)->last->next = job;
    }
    (*place)->last = job;
    (*place)->count++;
}

static const char *where(struct text *text, const struct group *group)
{
    const struct task *thread = group->first->task->thread;
    size_t shown = 0;
    const char *list = "";

    if (!thread)
        return "on no thread now";
    if (group->count == 1)
        return pool_format(text->pool, "on task %u (tid %u)", thread->id, thread->tid);
    for (const struct job *job = group->first; job && shown < TASKS_NAMED; job = job->next)
        list = pool_format(text->pool, "%s%s%u", list, shown++ ? ", " : "", job->task->thread->id);
    return pool_format(text->pool, "on tasks %s%s", list, group->count > shown ? ", ..." : "");
}

static void group_write(struct text *text, const struct group *group)
{
    const struct task *task = group->first->task;
    const struct frame *frame = stack_best_frame(text->report->model, task->created_stack);
    const char *name = task->name ? task->name : "?";

    if (group->count > 1)
        text_line(text, PAINT_BOLD, "%zu jobs \"%s\"  %s", group->count, name, where(text, group));
    else
        text_line(text, PAINT_BOLD, "job \"%s\"  %s", name, where(text, group));
    if (frame)
        text_line(text, PAINT_NONE, "    created by %s %s in task %u", text_function(text, frame),
                  text_place(text, frame, true), task->creator);
    else if (task->creator)
        text_line(text, PAINT_NONE, "    created by task %u", task->creator);
}

void text_write_live_jobs(struct text *text)
{
    struct group *groups = NULL;

    for (const struct task *t = text->report->model->tasks; t; t = t->hh.next) {
        if ((t->flags & CTT_TASK_DECLARED) && !(t->flags & CTT_TASK_ENDED))
            job_add(text, &groups, t);
    }
    if (groups)
        text_line(text, PAINT_NONE, "%s", "");
    for (const struct group *group = groups; group; group = group->next)
        group_write(text, group);
}
