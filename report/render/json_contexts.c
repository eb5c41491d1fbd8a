/* SPDX-License-Identifier: MIT */
/*
 * Contexts and tasks in JSON. See json_lists.h.
 */
#include "json_lists.h"

#include "../context_tree.h"
#include "../words.h"

/* Declared tasks have large numbers of their own: the same as in every reference to one. */
static void task_id_write(struct json *json, const char *key, const struct task *task)
{
    json_write_id(json, key, task ? task->id : 0);
}

static void since_write(struct json *json, const char *key, uint64_t ns)
{
    json_seconds(json, key, ns ? ns : CTT_NEVER);
}

static void holds_write(struct json *json, const struct report *report,
                        const struct context_node *node)
{
    json_open(json, "holds", '{');
    for (const struct context_holds *h = node->holds; h; h = h->next)
        json_number(json, model_kind_name(report->model, h->kind), h->count);
    json_close(json, '}');
}

static void tasks_in_write(struct json *json, const struct context_node *node)
{
    json_open(json, "tasks", '[');
    for (const struct task_unit *u = node->tasks; u; u = u->next_in_context)
        json_number(json, NULL, task_unit_main(u)->id);
    json_close(json, ']');
}

static void context_write(struct json *json, const struct report *report,
                          const struct context_node *node)
{
    const struct context *c = node->context;

    json_open(json, NULL, '{');
    json_number(json, "id", c->id);
    json_write_id(json, "parent", c->parent ? c->parent->id : 0);
    json_text(json, "kind", context_kind_word(c->kind));
    json_text(json, "name", c->name);
    json_text(json, "state", state_word(c->state));
    json_text(json, "cause", c->cause);
    json_bool(json, "inherited", node->inherited);
    json_seconds(json, "created_s", c->created_ns);
    json_seconds(json, "ended_s", c->ended_ns);
    since_write(json, "deadline_s", c->deadline_ns);
    since_write(json, "grace_s", c->grace_ns);
    if (c->flags & CTT_CONTEXT_IGNORED)
        json_bool(json, "ignored", true);
    if (c->flags & CTT_CONTEXT_LOST)
        json_bool(json, "lost", true);
    if (c->hidden)
        json_bool(json, "on_path", true);
    json_write_stack(json, "created_stack", c->created_stack);
    json_write_stack(json, "ended_stack", c->ended_stack);
    task_id_write(json, "task", c->task);
    json_text(json, "trace_id", c->trace_id);
    json_text(json, "span_id", c->span_id);
    json_open(json, "values", '{');
    if (c->value_key)
        json_text(json, c->value_key, c->value);
    json_close(json, '}');
    holds_write(json, report, node);
    tasks_in_write(json, node);
    json_close(json, '}');
}

void json_write_contexts(struct json *json, const struct report *report)
{
    context_tree_make(report);
    json_open(json, "contexts", '[');
    for (const struct context *c = report->model->contexts; c; c = c->hh.next) {
        if (!c->hidden || c->on_path)
            context_write(json, report, c->node);
    }
    json_close(json, ']');
}

/* Its own, not its thread's or job's. */
static void cleanups_write(struct json *json, const struct task *task)
{
    json_open(json, "pending_cleanups", '[');
    for (const struct holding *h = task->cleanups; h; h = h->next_cleanup) {
        json_open(json, NULL, '{');
        json_address(json, "handle", h->handle);
        json_write_stack(json, "stack", h->stack);
        json_seconds(json, "registered_s", h->oldest_ns);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* What it says that it waits for, whatever the kernel says. */
static void block_write(struct json *json, const struct task *t)
{
    json_text(json, "why", t->why);
    if (t->why && t->object)
        json_address(json, "object", t->object);
    else
        json_null(json, "object");
    since_write(json, "blocked_s", t->blocked_ns);
}

static void declared_write(struct json *json, const struct task *t)
{
    json_bool(json, "declared", t->flags & CTT_TASK_DECLARED);
    if (!(t->flags & CTT_TASK_DECLARED)) {
        task_id_write(json, "job", t->job);
        json_write_id(json, "active_context", t->active ? t->active->id : 0);
        return;
    }
    task_id_write(json, "thread", t->thread);
    if (t->serves)
        json_address(json, "serves", t->serves);
    else
        json_null(json, "serves");
    since_write(json, "entered_s", t->entered_ns);
}

static void task_write(struct json *json, const struct task *t)
{
    uint32_t not_joinable = CTT_TASK_DETACHED | CTT_TASK_JOINED | CTT_TASK_MAIN |
                            CTT_TASK_UNTRACKED | CTT_TASK_HIDDEN | CTT_TASK_DECLARED;

    json_open(json, NULL, '{');
    json_number(json, "id", t->id);
    json_number(json, "tid", t->tid);
    json_text(json, "name", t->name);
    json_write_id(json, "context", t->context ? t->context->id : 0);
    json_write_id(json, "creator", t->creator);
    json_text(json, "state", t->state);
    json_text(json, "wait", t->wait);
    json_seconds(json, "wait_s", t->wait_ns);
    block_write(json, t);
    declared_write(json, t);
    json_bool(json, "joinable", !(t->flags & not_joinable));
    json_bool(json, "tracked", !(t->flags & CTT_TASK_UNTRACKED));
    json_seconds(json, "created_s", t->created_ns);
    json_seconds(json, "ended_s", t->ended_ns);
    json_write_stack(json, "created_stack", t->created_stack);
    json_write_stack(json, "stack", t->end_stack);
    cleanups_write(json, t);
    json_close(json, '}');
}

void json_write_tasks(struct json *json, const struct report *report)
{
    json_open(json, "tasks", '[');
    for (const struct task *t = report->model->tasks; t; t = t->hh.next) {
        if (!t->hidden)
            task_write(json, t);
    }
    json_close(json, ']');
}
