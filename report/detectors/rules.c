/* SPDX-License-Identifier: MIT */
/*
 * See rules.h.
 */
#include "rules.h"

#include <signal.h>

#include "../project.h"

bool holding_is_blamable(const struct holding *holding)
{
    return !holding->hidden && !holding->finding && holding->count > 0 && holding_is_own(holding) &&
           !holding_is_ignored(holding);
}

bool holding_is_lost(const struct holding *holding)
{
    return holding->kind == CTT_KIND_MEMORY && (holding->flags & CTT_HOLDING_LOST);
}

bool kind_is_descriptor(uint32_t kind)
{
    switch (kind) {
    case CTT_KIND_FD:
    case CTT_KIND_SOCKET:
    case CTT_KIND_STREAM:
    case CTT_KIND_DIR:
    case CTT_KIND_PIPE:
    case CTT_KIND_EVENT:
        return true;
    default:
        return false;
    }
}

bool kind_is_judged_apart(uint32_t kind)
{
    return kind == CTT_KIND_MODULE || kind == CTT_KIND_CLEANUP;
}

bool context_is_declared(const struct context *context)
{
    return context && (context->kind == CTT_CONTEXT_CTX || context->kind == CTT_CONTEXT_SCOPE);
}

static bool context_has_ended(const struct context *context)
{
    switch (context->state) {
    case CTT_STATE_CANCELLED:
    case CTT_STATE_DEADLINE:
    case CTT_STATE_OK:
    case CTT_STATE_ERROR:
        return context->ended_ns != CTT_NEVER;
    default:
        return false;
    }
}

const struct context *context_deciding(const struct context *context)
{
    while (context_is_declared(context) && context->state == CTT_STATE_ABANDONED &&
           !(context->flags & CTT_CONTEXT_TO_END))
        context = context->parent;
    return context_is_declared(context) ? context : NULL;
}

uint64_t context_grace_ns(const struct report *report, const struct context *context)
{
    return context->grace_ns ? context->grace_ns : report->settings.grace_ns;
}

bool context_is_past_grace(const struct report *report, const struct context *context)
{
    return context_has_ended(context) &&
           time_between(context->ended_ns, report->now_ns) > context_grace_ns(report, context);
}

bool context_is_over(const struct report *report, const struct context *context)
{
    if (context_is_declared(context))
        context = context_deciding(context);
    if (!context || !context_has_ended(context))
        return false;
    /* At the end of the process there is no grace, but for threads that nobody
     * waits for and that did not come to their own end: runtimes make theirs
     * quit at shutdown (CPython's daemon threads), and what they held ends with
     * the process. */
    const uint32_t shut_down = CTT_CONTEXT_DETACHED | CTT_CONTEXT_QUIT;
    bool by_shutdown =
        context->kind == CTT_CONTEXT_THREAD && (context->flags & shut_down) == shut_down;
    return (model_is_end(report->model) && !by_shutdown) ||
           time_between(context->ended_ns, report->now_ns) > context_grace_ns(report, context);
}

/* Before the process that it is in, and in a way of its own. */
static bool context_ended_itself(const struct context *context)
{
    return context && context_has_ended(context) && context->kind != CTT_CONTEXT_PROCESS;
}

static bool process_ended_in_error(const struct model *model)
{
    const struct ctt_process *facts = &model->process.facts;

    return model_is_end(model) && (facts->trigger != CTT_TRIGGER_EXIT || facts->exit_code > 0);
}

enum severity leftover_severity(const struct report *report, const struct context *context,
                                enum severity orderly)
{
    if (context_ended_itself(context))
        return context->state == CTT_STATE_ERROR ? SEVERITY_NOTE : orderly;
    return process_ended_in_error(report->model) ? SEVERITY_NOTE : orderly;
}

bool holding_is_of_task(const struct report *report, const struct holding *holding)
{
    if (holding->kind != CTT_KIND_THREAD)
        return false;
    for (const struct task *t = report->model->tasks; t; t = t->hh.next) {
        if (t->tid == holding->handle && !(t->flags & (CTT_TASK_ENDED | CTT_TASK_DECLARED)))
            return t->job || t->thread_id;
    }
    return holding->flags & CTT_HOLDING_DETACHED;
}

enum severity outlived_severity(const struct report *report, const struct holding *holding)
{
    if (holding->kind == CTT_KIND_MEMORY && !(holding->flags & CTT_HOLDING_LOST) &&
        !stack_is_of_project(report->model, holding->stack))
        return SEVERITY_NOTE;
    return leftover_severity(report, holding->context, SEVERITY_ERROR);
}

static bool process_was_asked_to_end(const struct model *model)
{
    const struct ctt_process *facts = &model->process.facts;

    return facts->trigger == CTT_TRIGGER_FATAL &&
           (facts->signal == SIGTERM || facts->signal == SIGINT || facts->signal == SIGHUP);
}

enum severity lost_severity(const struct report *report, const struct context *context)
{
    if (!context_ended_itself(context) && process_was_asked_to_end(report->model))
        return SEVERITY_ERROR;
    return leftover_severity(report, context, SEVERITY_ERROR) == SEVERITY_ERROR ? SEVERITY_ERROR
                                                                                : SEVERITY_WARNING;
}

enum severity forgotten_severity(const struct report *report, const struct holding *holding)
{
    const struct reach *reach = &report->model->reach;
    bool is_sure = !reach->known || reach->facts.state == CTT_REACH_JUDGED;

    return is_sure && stack_has_project(report->model, holding->stack) ? SEVERITY_WARNING
                                                                       : SEVERITY_NOTE;
}

enum grade uncollected_grade(const struct report *report)
{
    return model_is_end(report->model) ? GRADE_PROVED : GRADE_EVIDENCE;
}

enum severity uncollected_severity(const struct report *report, const struct holding *holding)
{
    return model_is_end(report->model)
               ? leftover_severity(report, holding->context, SEVERITY_WARNING)
               : SEVERITY_NOTE;
}
