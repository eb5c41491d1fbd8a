/* SPDX-License-Identifier: MIT */
/*
 * All tasks with what is known of each, as Go dumps its goroutines: what it does and since
 * when, in which context, what it has yet to clean up, and who made it. Those that are the
 * same are told once.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../context_tree.h"
#include "../project.h"
#include "../words.h"

enum {
    GROUPS_TOP = 100,
    IDS_NAMED = 8,
    CLEANUPS_TOP = 8, /* places of one group */
};

/* ---- what they have yet to clean up ---- */

/* Those of one place; newest first, as they would run. */
struct cleanup {
    struct stack *stack;
    uint64_t count;
    struct cleanup *next;
};

static void cleanup_count(struct text *text, struct cleanup **list, const struct holding *h)
{
    struct cleanup *made;

    for (; *list; list = &(*list)->next) {
        if ((*list)->stack == h->stack) {
            (*list)->count++;
            return;
        }
    }
    made = pool_alloc(text->pool, sizeof(*made));
    made->stack = h->stack;
    made->count = 1;
    *list = made;
}

static void cleanups_of_task(struct text *text, const struct task *task, struct cleanup **list)
{
    for (const struct holding *h = task ? task->cleanups : NULL; h; h = h->next_cleanup)
        cleanup_count(text, list, h);
}

/* What it calls stands first in its stack, the place that registered it behind that. */
static void cleanup_write(struct text *text, const struct cleanup *c)
{
    struct model *model = text->report->model;
    size_t count;
    const struct frame *frames = model_frames(model, c->stack, &count), *at = NULL;
    const char *calls = "";

    if (count && c->stack->flags & CTT_STACK_LEAF_ENTRY) {
        calls = pool_format(text->pool, "%s ", text_function(text, frames));
        at = stack_caller_frame(model, c->stack, frames);
    }
    if (!at)
        at = stack_best_frame(model, c->stack);
    text_line(text, PAINT_NONE, "    cleanup %s%sregistered at %s %s", calls,
              c->count > 1 ? pool_format(text->pool, "x%" PRIu64 " ", c->count) : "",
              at ? text_function(text, at) : "an unknown place",
              at ? text_place(text, at, true) : "");
}

static void cleanups_write(struct text *text, const struct task_group *group)
{
    struct cleanup *list = NULL;
    unsigned shown = 0, more = 0;

    for (const struct task_unit *u = group->first; u; u = u->next_in_group) {
        cleanups_of_task(text, u->thread, &list);
        cleanups_of_task(text, u->job, &list);
    }
    for (const struct cleanup *c = list; c; c = c->next) {
        if (shown == CLEANUPS_TOP && !text->report->request->all) {
            more++;
            continue;
        }
        shown++;
        cleanup_write(text, c);
    }
    if (more)
        text_line(text, PAINT_DIM, "            and %u more places (--all)", more);
}

/* ---- one group ---- */

static const char *since_text(struct text *text, const struct task_group *group)
{
    const char *longest = text_duration(text, group->longest_ns);

    if (group->longest_ns == CTT_NEVER)
        return "";
    if (strcmp(longest, text_duration(text, group->shortest_ns)) == 0)
        return pool_format(text->pool, ", %s", longest);
    return pool_format(text->pool, ", %s to %s", text_duration(text, group->shortest_ns), longest);
}

/* "[waitgroup 0x7f00, 5m00s]" */
static const char *doing_text(struct text *text, const struct task_group *group)
{
    struct task_doing doing = task_unit_doing(text->report, group->first);
    const char *wait = text_task_wait(text, group, &doing);

    /* Asleep is what everybody is who waits. */
    if (wait && doing.says_so && doing.is_kernel_state && *doing.state != 'R')
        return pool_format(text->pool, "[%s%s]", wait, since_text(text, group));
    return pool_format(text->pool, "[%s%s%s%s]", doing.state, wait ? ", " : "", wait ? wait : "",
                       since_text(text, group));
}

static void ids_write(struct text *text, const struct task_group *group)
{
    struct text_flow flow = {.text = text, .indent = strlen("    these   "), .line = "    these "};
    unsigned count = 0;

    for (const struct task_unit *u = group->first; u; u = u->next_in_group) {
        const struct task *main = task_unit_main(u);
        const char *id =
            main->id ? text_task_id(text, main->id) : pool_format(text->pool, "tid %u", main->tid);

        if (count++ == IDS_NAMED && !text->report->request->all) {
            text_flow_add(&flow, "...");
            break;
        }
        text_flow_add(&flow, pool_format(text->pool, "%s%s", id, u->next_in_group ? "," : ""));
    }
    text_flow_end(&flow);
}

static void title_write(struct text *text, const struct task_group *group, size_t total)
{
    const struct task_unit *unit = group->first;
    const struct task *main = task_unit_main(unit);
    const char *name = task_group_name(text->pool, group);
    const char *quoted = name ? pool_format(text->pool, " \"%s\"", name) : "";
    const char *tid = "";

    text_line(text, PAINT_NONE, "%s", "");
    if (group->count > 1) {
        text_line(text, PAINT_BOLD, "%zu of %zu tasks%s: %s", group->count, total, quoted,
                  doing_text(text, group));
        ids_write(text, group);
        return;
    }
    if (unit->thread)
        tid = pool_format(text->pool, " (tid %u)", unit->thread->tid);
    text_line(text, PAINT_BOLD, "%s%s%s: %s", main->id ? text_task_id(text, main->id) : "task",
              quoted, tid, doing_text(text, group));
    if (unit->job && unit->thread && unit->thread->id)
        text_line(text, PAINT_NONE, "    thread  %s", text_task(text, unit->thread->id));
}

static void context_write(struct text *text, const struct task_group *group)
{
    const struct context *c = task_unit_context(group->first);
    const char *trace = group->count == 1 ? context_trace(c) : NULL;
    const char *title, *around = "";

    if (!c)
        return;
    title = text_context_title(text, c);
    if (group->count > 1)
        title = context_label(c)
                    ? context_label(c)
                    : pool_format(text->pool, "each its %s", context_kind_word(c->kind));
    else if (c->parent)
        around = pool_format(text->pool, " < %s", text_context_path(text, c->parent));
    text_line(text, PAINT_NONE, "    context %s (%s)%s%s%s", title, state_phrase(c->state), around,
              trace ? "    trace " : "", trace ? trace : "");
}

static void creation_write(struct text *text, const struct task *task)
{
    const struct frame *frame = stack_best_frame(text->report->model, task->created_stack);

    if (!frame) {
        text_line(text, PAINT_NONE, "    %s%s",
                  task->flags & (CTT_TASK_MAIN | CTT_TASK_UNTRACKED) ? "" : "created by ",
                  text_task_creation(text, task));
        return;
    }
    text_line(text, PAINT_NONE, "    created by %s %s%s%s", text_function(text, frame),
              text_place(text, frame, true), task->creator ? " in " : "",
              task->creator ? text_task_id(text, task->creator) : "");
}

static void group_write(struct text *text, const struct task_group *group, size_t total)
{
    const struct task *main = task_unit_main(group->first);

    title_write(text, group, total);
    context_write(text, group);
    if (main->serves)
        text_line(text, PAINT_NONE, "    counted by waitgroup 0x%" PRIx64, main->serves);
    cleanups_write(text, group);
    creation_write(text, main);
}

void text_write_task_dump(struct text *text)
{
    struct task_units units = task_units_make(text->report);
    struct task_groups groups = task_groups_make(text->report, &units);
    size_t limit = text_top(text, groups.count, GROUPS_TOP), shown = 0;

    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "tasks (%zu%s)", units.count,
              groups.count < units.count ? pool_format(text->pool, ", %zu different", groups.count)
                                         : "");
    for (size_t i = 0; i < limit; i++) {
        group_write(text, &groups.items[i], units.count);
        shown += groups.items[i].count;
    }
    text_write_rest(text, units.count, shown);
}
