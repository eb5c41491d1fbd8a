/* SPDX-License-Identifier: MIT */
/*
 * The tasks of a live snapshot, a line each; those that are the same share one. One by one
 * and with all that is known they are in text_task_dump.c.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../project.h"
#include "../task_units.h"

enum { TASKS_TOP = 40, WAIT_COLUMNS = 16 };

const char *text_task_id(struct text *text, uint32_t id)
{
    if (id & CTT_TASK_DECLARED_ID)
        return pool_format(text->pool, "job %u", id & ~CTT_TASK_DECLARED_ID);
    return pool_format(text->pool, "task %u", id);
}

/* "job 3 encode (tid 4719)" */
const char *text_task_unit(struct text *text, const struct task_unit *unit)
{
    const char *name = task_unit_name(unit);
    const char *tid = unit->thread ? pool_format(text->pool, " (tid %u)", unit->thread->tid) : "";

    return pool_format(text->pool, "%s%s%s%s",
                       unit->job ? text_task_id(text, unit->job->id)
                       : name    ? ""
                                 : "unnamed",
                       unit->job && name ? " " : "", name ? name : "", tid);
}

const char *text_task_creation(struct text *text, const struct task *t)
{
    const struct frame *frame;

    if (t->flags & CTT_TASK_MAIN)
        return "main thread";
    if (t->flags & CTT_TASK_UNTRACKED)
        return "untracked: made by a way that no hook saw";
    frame = stack_best_frame(text->report->model, t->created_stack);
    if (!frame)
        return t->creator ? text_task_id(text, t->creator) : "-";
    return pool_format(text->pool, "%s %s", text_function(text, frame),
                       text_place(text, frame, false));
}

/* "waitgroup 0x7f00": its own word with the object, where all wait for the same. */
const char *text_task_wait(struct text *text, const struct task_group *group,
                           const struct task_doing *doing)
{
    if (!doing->wait)
        return NULL;
    if (doing->says_so && doing->object && group->same_object)
        return pool_format(text->pool, "%s 0x%" PRIx64, doing->wait, doing->object);
    /* The kernel's object is one's own. */
    if (!doing->says_so && group->count > 1)
        return pool_format(text->pool, "%.*s", (int)strcspn(doing->wait, " "), doing->wait);
    return doing->wait;
}

static uint64_t oldest_of(const struct task_group *group)
{
    uint64_t oldest = CTT_NEVER;

    for (const struct task_unit *u = group->first; u; u = u->next_in_group) {
        if (task_unit_main(u)->created_ns < oldest)
            oldest = task_unit_main(u)->created_ns;
    }
    return oldest;
}

static const char *number_of(struct text *text, const struct task_group *group)
{
    const struct task_unit *unit = group->first;

    if (group->count > 1)
        return pool_format(text->pool, "x%zu", group->count);
    if (unit->thread)
        return pool_format(text->pool, "%u", unit->thread->tid);
    return text_task_id(text, unit->job->id);
}

static void group_write(struct text *text, const struct task_group *group)
{
    const struct task *main = task_unit_main(group->first);
    struct task_doing doing = task_unit_doing(text->report, group->first);
    /* How long it has ended is told in full only (--tasks). */
    uint64_t for_ns = task_has_ended(main) ? CTT_NEVER : group->longest_ns;

    text_line(text, PAINT_NONE, "  %7s  %s %s %s %8s %8s  %s", number_of(text, group),
              text_cell(text, task_group_name(text->pool, group), 16),
              text_cell(text, doing.state, 17),
              text_cell(text, text_task_wait(text, group, &doing), WAIT_COLUMNS),
              text_duration(text, for_ns), text_age(text, oldest_of(group)),
              text_task_creation(text, main));
}

void text_write_tasks(struct text *text)
{
    struct task_units units = task_units_make(text->report);
    struct task_groups groups = task_groups_make(text->report, &units);
    size_t limit = text_top(text, groups.count, TASKS_TOP), shown = 0;

    if (!units.count)
        return;
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "tasks (%zu)", units.count);
    text_line(text, PAINT_DIM, "  %7s  %-16s %-17s %-16s %8s %8s  %s", "tid", "name", "state",
              "wait", "for", "age", "created by");
    for (size_t i = 0; i < limit; i++) {
        group_write(text, &groups.items[i]);
        shown += groups.items[i].count;
    }
    text_write_rest(text, units.count, shown);
}
