/* SPDX-License-Identifier: MIT */
/*
 * See task_units.h.
 */
#include "task_units.h"

#include <string.h>

struct task_units task_units_make(const struct report *report)
{
    const struct model *model = report->model;
    struct task_units units = {0};
    size_t room = HASH_COUNT(model->tasks);

    units.items = pool_alloc(model->pool, (room + 1) * sizeof(*units.items));
    for (struct task *t = model->tasks; t; t = t->hh.next) {
        bool declared = t->flags & CTT_TASK_DECLARED;

        if (t->hidden)
            continue;
        /* Its thread's row tells of it, unless that tells of a job within it. */
        if (declared && t->thread && t->thread->job == t && !t->thread->hidden)
            continue;
        units.items[units.count++] =
            (struct task_unit){.thread = declared ? NULL : t, .job = declared ? t : t->job};
    }
    return units;
}

struct task_unit *task_unit_of(const struct task_units *units, const struct task *task)
{
    for (size_t i = 0; i < units->count; i++) {
        if (units->items[i].thread == task || units->items[i].job == task)
            return &units->items[i];
    }
    return NULL;
}

const struct task *task_unit_main(const struct task_unit *unit)
{
    return unit->job ? unit->job : unit->thread;
}

const char *task_unit_name(const struct task_unit *unit)
{
    const struct task *task = task_unit_main(unit);

    return task->name || !unit->thread ? task->name : unit->thread->name;
}

/* The thread knows which one is active; a job's may be further out. */
struct context *task_unit_context(const struct task_unit *unit)
{
    if (unit->thread && unit->thread->active)
        return unit->thread->active;
    return task_unit_main(unit)->context;
}

bool task_has_ended(const struct task *task)
{
    return task->flags & CTT_TASK_ENDED;
}

static struct task_doing ended(const struct report *report, const struct task *task)
{
    bool over = task->flags & (CTT_TASK_JOINED | CTT_TASK_DETACHED | CTT_TASK_DECLARED);

    return (struct task_doing){
        .state = over ? "ended" : "ended, not joined",
        .for_ns =
            task->ended_ns == CTT_NEVER ? CTT_NEVER : time_between(task->ended_ns, report->now_ns),
    };
}

/* No thread is at work on it. */
static struct task_doing resting(const struct report *report, const struct task *job)
{
    bool is_within = job->thread && job->thread->job != job;

    if (!job->entered_ns && !job->thread)
        return (struct task_doing){.state = "waiting to start",
                                   .for_ns = time_between(job->created_ns, report->now_ns)};
    return (struct task_doing){
        .state = is_within ? "its thread is at work on another" : "no thread is at work on it",
        .for_ns = CTT_NEVER,
    };
}

static bool is_running(const struct task *thread)
{
    return thread->state && *thread->state == 'R';
}

static const struct task *who_says(const struct task_unit *unit)
{
    if (unit->job && unit->job->why)
        return unit->job;
    return unit->thread && unit->thread->why ? unit->thread : NULL;
}

struct task_doing task_unit_doing(const struct report *report, const struct task_unit *unit)
{
    const struct task *thread = unit->thread, *speaker = who_says(unit);
    struct task_doing doing;

    if (task_has_ended(task_unit_main(unit)))
        return ended(report, task_unit_main(unit));
    if (thread)
        doing = (struct task_doing){
            .state = thread->state ? thread->state : "-",
            .wait = is_running(thread) ? NULL : thread->wait,
            .for_ns = thread->wait_ns,
            .is_kernel_state = true,
        };
    else
        doing = resting(report, unit->job);
    if (!speaker)
        return doing;
    doing.says_so = true;
    doing.wait = speaker->why;
    doing.object = speaker->object;
    doing.for_ns =
        speaker->blocked_ns ? time_between(speaker->blocked_ns, report->now_ns) : CTT_NEVER;
    return doing;
}
