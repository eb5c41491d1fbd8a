/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in a loaded model, and its end. Loading is model_load.c, frames are
 * model_frames.c.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "words.h"

struct model *model_free(struct model *model)
{
    if (!model)
        return NULL;
    HASH_CLEAR(hh, model->stacks);
    HASH_CLEAR(hh, model->contexts);
    HASH_CLEAR(hh, model->tasks);
    HASH_CLEAR(hh, model->sites);
    HASH_CLEAR(hh, model->kinds);
    HASH_CLEAR(hh, model->modules);
    symbolizer_free(model->symbolizer);
    pool_free(model->pool);
    free(model);
    return NULL;
}

uint64_t model_counter(const struct model *model, const char *name)
{
    const struct counter *counter;

    DL_FOREACH (model->counters, counter)
        if (counter->name && strcmp(counter->name, name) == 0)
            return counter->value;
    return 0;
}

struct context *model_context(const struct model *model, uint32_t id)
{
    struct context *context;

    HASH_FIND(hh, model->contexts, &id, sizeof(id), context);
    return context;
}

struct stack *model_stack(const struct model *model, uint32_t id)
{
    struct stack *stack;

    HASH_FIND(hh, model->stacks, &id, sizeof(id), stack);
    return stack;
}

const struct limit *model_limit(const struct model *model, const char *name)
{
    const struct limit *limit;

    DL_FOREACH (model->limits, limit) {
        if (limit->name && strcmp(limit->name, name) == 0)
            return limit;
    }
    return NULL;
}

struct task *model_task(const struct model *model, uint32_t id)
{
    struct task *task;

    HASH_FIND(hh, model->tasks, &id, sizeof(id), task);
    return task;
}

const struct site *model_site(const struct model *model, const struct stack *stack, uint32_t kind)
{
    struct site_key key = {.kind = kind};
    struct site *site;

    if (!stack)
        return NULL;
    key.stack = stack->id;
    HASH_FIND(hh, model->sites, &key, sizeof(key), site);
    return site;
}

/* The dump's own names win: it may know kinds that we do not. */
const char *model_kind_name(const struct model *model, uint32_t kind)
{
    struct kind_name *known;

    HASH_FIND(hh, model->kinds, &kind, sizeof(kind), known);
    return known && known->name ? known->name : kind_word(kind);
}

bool model_knows_kind(const struct model *model, const char *name)
{
    for (uint32_t kind = 1; kind < CTT_KIND_COUNT; kind++) {
        if (strcmp(kind_word(kind), name) == 0)
            return true;
    }
    for (const struct kind_name *k = model->kinds; k; k = k->hh.next) {
        if (k->name && strcmp(k->name, name) == 0)
            return true;
    }
    return false;
}

const char *model_option(const struct model *model, const char *key)
{
    struct dump_option *option;

    DL_FOREACH (model->options, option) {
        if (option->key && strcmp(option->key, key) == 0)
            return option->value ? option->value : "";
    }
    return NULL;
}

bool model_is_sampled(const struct model *model, uint32_t kind)
{
    return kind == CTT_KIND_MEMORY && model->process.facts.sample_bytes != 0;
}

bool model_is_end(const struct model *model)
{
    switch (model->process.facts.trigger) {
    case CTT_TRIGGER_EXIT:
    case CTT_TRIGGER_FATAL:
    case CTT_TRIGGER_RECOVERED:
        return true;
    default:
        return false;
    }
}

const char *context_label(const struct context *context)
{
    while (context && context->kind == CTT_CONTEXT_CTX && !context->name)
        context = context->parent;
    return context && context->kind != CTT_CONTEXT_PROCESS ? context->name : NULL;
}

const char *context_trace(const struct context *context)
{
    while (context && !context->trace_id)
        context = context->parent;
    return context ? context->trace_id : NULL;
}
