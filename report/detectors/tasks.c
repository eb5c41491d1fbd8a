/* SPDX-License-Identifier: MIT */
/*
 * See tasks.h.
 */
#include "tasks.h"

#include <inttypes.h>
#include <string.h>

#include "../pool.h"
#include "../project.h"

enum { NS_PER_MS = 1000000, MS_PER_S = 1000 };

bool task_is_declared(const struct task *task)
{
    return task->flags & CTT_TASK_DECLARED;
}

bool task_is_alive(const struct task *task)
{
    return !(task->flags & CTT_TASK_ENDED);
}

/* The one whose doings the kernel knows; NULL: no thread is in it. */
static const struct task *task_thread(const struct task *task)
{
    return task_is_declared(task) ? task->thread : task;
}

bool task_is_blocked(const struct task *task)
{
    const struct task *thread = task_thread(task);

    if (task->blocked_ns)
        return true;
    return thread && task_is_alive(thread) &&
           (thread->blocked_ns ||
            (thread->state && (*thread->state == 'S' || *thread->state == 'D')));
}

static const char *duration_text(struct report *report, uint64_t ns)
{
    uint64_t ms = ns / NS_PER_MS;

    return pool_format(report->model->pool, "%" PRIu64 ".%" PRIu64 " s", ms / MS_PER_S,
                       ms % MS_PER_S / (MS_PER_S / 10));
}

static const char *block_text(struct report *report, const struct task *task)
{
    return pool_format(report->model->pool, "blocked in %s 0x%" PRIx64 " for %s", task->why,
                       task->object,
                       duration_text(report, time_between(task->blocked_ns, report->now_ns)));
}

const char *task_doing(struct report *report, const struct task *task)
{
    const struct task *thread = task_thread(task);

    if (task->blocked_ns && task->why)
        return block_text(report, task);
    if (!thread)
        return task->entered_ns ? "no thread is at work on it" : "no thread has come to it yet";
    if (thread->blocked_ns && thread->why)
        return block_text(report, thread);
    if (!thread->wait)
        return thread->state ? thread->state : "";
    if (thread->wait_ns == CTT_NEVER)
        return pool_format(report->model->pool, "in %s", thread->wait);
    return pool_format(report->model->pool, "in %s for %s", thread->wait,
                       duration_text(report, thread->wait_ns));
}

static bool is_of_main(const struct report *report, struct stack *stack)
{
    const struct frame *frame = stack_best_frame(report->model, stack);

    return model_is_end(report->model) && frame && frame->function &&
           strcmp(frame->function, "main") == 0;
}

bool context_is_lost(const struct report *report, const struct context *context)
{
    return (context->flags & CTT_CONTEXT_LOST) && !is_of_main(report, context->created_stack);
}

bool context_waits_for_end(const struct context *context)
{
    return context->state == CTT_STATE_ACTIVE && (context->flags & CTT_CONTEXT_TO_END) &&
           !context->deadline_ns;
}

static struct holding *holding_new(struct report *report, uint32_t kind, uint64_t handle)
{
    struct holding *holding = pool_alloc(report->model->pool, sizeof(*holding));

    holding->kind = kind;
    holding->handle = handle;
    holding->count = 1;
    holding->estimate = estimate_exact(1, 0);
    holding->last_used_ns = CTT_NEVER;
    return holding;
}

struct holding *task_holding(struct report *report, struct task *task, struct context *context)
{
    bool declared = task_is_declared(task);
    struct holding *holding = holding_new(report, declared ? CTT_KIND_TASK : CTT_KIND_THREAD,
                                          declared ? task->id & ~CTT_TASK_DECLARED_ID : task->tid);

    holding->context = context ? context : task->context;
    holding->task = task;
    holding->stack = task->created_stack;
    holding->oldest_ns = holding->newest_ns = task->created_ns;
    holding->name = task->name;
    holding->detail = task_doing(report, task);
    return holding;
}

struct holding *context_holding(struct report *report, struct context *context)
{
    struct holding *holding = holding_new(report, CTT_KIND_CONTEXT, context->id);

    holding->context = context;
    holding->task = context->task;
    holding->stack = context->created_stack;
    holding->oldest_ns = holding->newest_ns = context->created_ns;
    holding->name = context_label(context);
    return holding;
}
