/* SPDX-License-Identifier: MIT */
/*
 * See trace.h.
 */
#include "trace.h"

#include <string.h>
#include <strings.h>

static bool is_hex(const char *text)
{
    return *text && text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

bool trace_matches(const char *id, const char *wanted)
{
    size_t length = strlen(wanted);

    if (strcmp(id, wanted) == 0)
        return true;
    return length >= TRACE_PREFIX_DIGITS && is_hex(wanted) && is_hex(id) &&
           strncasecmp(id, wanted, length) == 0;
}

/* Nested ones may each have a trace: any of them will do. */
static bool context_is_of(const struct context *context, const char *wanted)
{
    for (; context; context = context->parent) {
        if (context->trace_id && trace_matches(context->trace_id, wanted))
            return true;
    }
    return false;
}

static bool is_shown(const struct context *context)
{
    return context && !context->hidden;
}

static size_t contexts_filter(struct model *model, const char *wanted)
{
    size_t shown = 0;

    for (struct context *c = model->contexts; c; c = c->hh.next) {
        c->hidden = !context_is_of(c, wanted);
        c->on_path = false;
        shown += !c->hidden;
    }
    for (struct context *c = model->contexts; c; c = c->hh.next) {
        for (struct context *p = c->parent; is_shown(c) && p && p->hidden && !p->on_path;
             p = p->parent)
            p->on_path = true;
    }
    return shown;
}

size_t trace_filter(struct model *model, const char *wanted)
{
    size_t shown = contexts_filter(model, wanted);
    struct holding *holding;

    for (struct task *t = model->tasks; t; t = t->hh.next)
        t->hidden =
            !is_shown(t->active) && !is_shown(t->context) && !(t->job && is_shown(t->job->context));
    DL_FOREACH (model->holdings, holding)
        holding->hidden |= !is_shown(holding->context);
    return shown;
}

bool report_shows(const struct report *report, const struct context *context)
{
    return !report->request->trace || is_shown(context);
}
