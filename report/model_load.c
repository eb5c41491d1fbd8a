/* SPDX-License-Identifier: MIT */
/*
 * From records to the linked data of model.h.
 *
 * One row of `loaders` per record type. Texts and stacks come before the
 * records that name them, so these are resolved at once; contexts and tasks
 * name each other freely and are linked at the end. The first record of an id
 * wins, a second one is counted as strange. Facts about the process, which
 * nothing else points at, are model_load_facts.c.
 */
#include "model_load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct text *text_find(const struct load *load, uint32_t id)
{
    struct text *text;

    HASH_FIND(hh, load->texts, &id, sizeof(id), text);
    return text;
}

const char *text_of(const struct load *load, uint32_t id)
{
    const struct text *text = text_find(load, id);

    return text ? text->chars : NULL;
}

struct stack *stack_of(const struct load *load, uint32_t id)
{
    return model_stack(load->model, id);
}

static void load_string(struct load *load, const void *fixed)
{
    const struct ctt_string *in = fixed;
    struct text *text;

    if (load->record->length < sizeof(*in) || load->record->length - sizeof(*in) < in->bytes ||
        in->id == 0 || text_find(load, in->id)) {
        load->model->strange_records++;
        return;
    }
    text = pool_alloc(load->model->pool, sizeof(*text));
    text->id = in->id;
    text->bytes = in->bytes;
    text->chars = pool_copy(load->model->pool, load->record->payload + sizeof(*in), in->bytes);
    HASH_ADD(hh, load->texts, id, sizeof(text->id), text);
}

static void load_stack(struct load *load, const void *fixed)
{
    const struct ctt_stack *in = fixed;
    struct stack *stack;
    size_t bytes = (size_t)in->frames * sizeof(uint64_t);

    if (load->record->length < sizeof(*in) || load->record->length - sizeof(*in) < bytes ||
        in->id == 0 || stack_of(load, in->id)) {
        load->model->strange_records++;
        return;
    }
    stack = pool_alloc(load->model->pool, sizeof(*stack));
    stack->id = in->id;
    stack->flags = in->flags;
    stack->cut = in->cut;
    stack->pc_count = in->frames;
    stack->pcs = pool_alloc(load->model->pool, bytes);
    if (bytes)
        memcpy(stack->pcs, load->record->payload + sizeof(*in), bytes);
    HASH_ADD(hh, load->model->stacks, id, sizeof(stack->id), stack);
}

static void load_module(struct load *load, const void *fixed)
{
    const struct ctt_module *in = fixed;
    struct module *module;
    const char *slash;

    HASH_FIND(hh, load->model->modules, &in->id, sizeof(in->id), module);
    if (module || in->id == 0) {
        load->model->strange_records++;
        return;
    }
    module = pool_alloc(load->model->pool, sizeof(*module));
    module->id = in->id;
    module->flags = in->flags;
    module->start = in->start;
    module->end = in->end;
    module->bias = in->bias;
    module->path = text_of(load, in->path);
    module->build_id = text_of(load, in->build_id);
    module->number = -1;
    slash = module->path ? strrchr(module->path, '/') : NULL;
    module->base = slash ? slash + 1 : module->path ? module->path : "?";
    HASH_ADD(hh, load->model->modules, id, sizeof(module->id), module);
}

/* By its deadline, whoever noticed that first and when; but not before it was made. */
static uint64_t end_of(const struct ctt_context *in)
{
    bool is_late = in->ended_ns != CTT_NEVER && in->deadline_ns && in->deadline_ns < in->ended_ns;
    uint64_t end_ns = is_late && in->state != CTT_STATE_ABANDONED ? in->deadline_ns : in->ended_ns;

    return end_ns > in->created_ns ? end_ns : in->created_ns;
}

static void load_context(struct load *load, const void *fixed)
{
    const struct ctt_context *in = fixed;
    struct context *context;

    if (in->id == 0 || model_context(load->model, in->id)) {
        load->model->strange_records++;
        return;
    }
    context = pool_alloc(load->model->pool, sizeof(*context));
    context->id = in->id;
    context->parent_id = in->parent;
    context->kind = in->kind;
    context->state = in->state;
    context->created_ns = in->created_ns;
    context->ended_ns = end_of(in);
    context->created_stack = stack_of(load, in->created_stack);
    context->ended_stack = stack_of(load, in->ended_stack);
    context->flags = in->flags;
    context->name = text_of(load, in->name);
    context->cause = text_of(load, in->cause);
    context->trace_id = text_of(load, in->trace_id);
    context->span_id = text_of(load, in->span_id);
    context->task_id = in->task;
    context->value_key = text_of(load, in->value_key);
    context->value = text_of(load, in->value);
    context->deadline_ns = in->deadline_ns;
    context->grace_ns = in->grace_ns;
    HASH_ADD(hh, load->model->contexts, id, sizeof(context->id), context);
}

static void load_task(struct load *load, const void *fixed)
{
    const struct ctt_task *in = fixed;
    struct task *task;

    if (in->id && model_task(load->model, in->id)) {
        load->model->strange_records++;
        return;
    }
    task = pool_alloc(load->model->pool, sizeof(*task));
    task->id = in->id;
    task->tid = in->tid;
    task->context_id = in->context;
    task->creator = in->creator;
    task->flags = in->flags;
    task->created_stack = stack_of(load, in->created_stack);
    task->end_stack = stack_of(load, in->end_stack);
    task->created_ns = in->created_ns;
    task->ended_ns = in->ended_ns;
    task->wait_ns = in->wait_ns;
    task->name = text_of(load, in->name);
    task->state = text_of(load, in->state);
    task->wait = text_of(load, in->wait);
    task->thread_id = in->thread;
    task->active_id = in->active;
    task->why = text_of(load, in->why);
    task->object = in->object;
    task->blocked_ns = in->blocked_ns;
    task->serves = in->serves;
    task->entered_ns = in->entered_ns;
    /* Untracked tasks have no id; uthash keeps several of id 0. */
    HASH_ADD(hh, load->model->tasks, id, sizeof(task->id), task);
}

static void load_holding(struct load *load, const void *fixed)
{
    const struct ctt_holding *in = fixed;
    struct holding *holding = pool_alloc(load->model->pool, sizeof(*holding));

    holding->kind = in->kind;
    holding->flags = in->flags;
    holding->handle = in->handle;
    holding->owner = in->owner;
    holding->owner_kind = in->owner_kind;
    holding->context_id = in->context;
    holding->task_id = in->task;
    holding->stack = stack_of(load, in->stack);
    holding->count = 1;
    holding->bytes = in->bytes;
    holding->estimate = estimate_exact(1, in->bytes);
    holding->oldest_ns = in->acquired_ns;
    holding->newest_ns = in->acquired_ns;
    holding->last_used_ns = in->last_used_ns;
    holding->last_task = in->last_task;
    holding->source = in->source;
    holding->source_stack = stack_of(load, in->source_stack);
    holding->detail = text_of(load, in->detail);
    holding->name = text_of(load, in->name);
    holding->peer = text_of(load, in->peer);
    DL_APPEND(load->model->holdings, holding);
}

static void load_group(struct load *load, const void *fixed)
{
    const struct ctt_group *in = fixed;
    struct holding *holding = pool_alloc(load->model->pool, sizeof(*holding));

    holding->grouped = true;
    holding->kind = in->kind;
    holding->flags = in->flags;
    holding->context_id = in->context;
    holding->stack = stack_of(load, in->stack);
    holding->estimate = estimate_of_group(in);
    holding->count = estimate_count(&holding->estimate);
    holding->bytes = estimate_bytes(&holding->estimate);
    holding->oldest_ns = in->oldest_ns;
    holding->newest_ns = in->newest_ns;
    holding->parts = in->parts;
    holding->parts_bytes = in->parts_bytes;
    holding->last_used_ns = CTT_NEVER;
    DL_APPEND(load->model->holdings, holding);
}

static void load_mishap(struct load *load, const void *fixed)
{
    const struct ctt_mishap *in = fixed;
    struct mishap *mishap = pool_alloc(load->model->pool, sizeof(*mishap));

    mishap->id = in->id;
    mishap->kind = in->kind;
    mishap->handle = in->handle;
    mishap->owner = in->owner;
    mishap->owner_kind = in->owner_kind;
    mishap->error = in->error;
    mishap->stack = stack_of(load, in->stack);
    mishap->acquired_stack = stack_of(load, in->acquired_stack);
    mishap->released_stack = stack_of(load, in->released_stack);
    mishap->context_id = in->context;
    mishap->task_id = in->task;
    mishap->released_task = in->released_task;
    mishap->first_ns = in->first_ns;
    mishap->last_ns = in->last_ns;
    mishap->count = in->count;
    mishap->live = in->live;
    mishap->tasks = in->tasks;
    mishap->wanted = in->wanted;
    DL_APPEND(load->model->mishaps, mishap);
}

/* "app+0x1234", by the module that the pc says it is in. */
static const char *site_of(const struct load *load, uint64_t pc)
{
    uint32_t id = CTT_PC_MODULE(pc);
    struct module *module;
    const char *slash;

    HASH_FIND(hh, load->model->modules, &id, sizeof(id), module);
    if (!module || !module->path)
        return NULL;
    slash = strrchr(module->path, '/');
    return pool_format(load->model->pool, "%s+0x%" PRIx64, slash ? slash + 1 : module->path,
                       CTT_PC_ADDRESS(pc) - module->bias);
}

static void load_injection(struct load *load, const void *fixed)
{
    const struct ctt_injection *in = fixed;
    struct injection *injection;

    if (in->rules)
        load->model->injected = text_of(load, in->rules);
    if (!in->function) {
        load->model->injectable_calls = in->calls;
        load->model->injected_failures = in->failed;
        return;
    }
    injection = pool_alloc(load->model->pool, sizeof(*injection));
    injection->function = text_of(load, in->function);
    injection->site = site_of(load, in->pc);
    injection->calls = in->calls;
    injection->failed = in->failed;
    injection->error = in->error;
    injection->stack = stack_of(load, in->stack);
    DL_APPEND(load->model->injections, injection);
}

union fixed_part {
    struct ctt_string string;
    struct ctt_process process;
    struct ctt_option option;
    struct ctt_limit limit;
    struct ctt_module module;
    struct ctt_kind kind;
    struct ctt_stack stack;
    struct ctt_context context;
    struct ctt_task task;
    struct ctt_holding holding;
    struct ctt_group group;
    struct ctt_site site;
    struct ctt_mishap mishap;
    struct ctt_counter counter;
    struct ctt_health health;
    struct ctt_holder holder;
    struct ctt_injection injection;
    struct ctt_reach reach;
    struct ctt_late late;
    struct ctt_series series;
};

static const struct loader {
    size_t bytes;
    void (*load)(struct load *load, const void *fixed);
} loaders[] = {
    [CTT_STRING] = {sizeof(struct ctt_string), load_string},
    [CTT_PROCESS] = {sizeof(struct ctt_process), model_load_process},
    [CTT_OPTION] = {sizeof(struct ctt_option), model_load_option},
    [CTT_LIMIT] = {sizeof(struct ctt_limit), model_load_limit},
    [CTT_MODULE] = {sizeof(struct ctt_module), load_module},
    [CTT_KIND] = {sizeof(struct ctt_kind), model_load_kind},
    [CTT_STACK] = {sizeof(struct ctt_stack), load_stack},
    [CTT_CONTEXT] = {sizeof(struct ctt_context), load_context},
    [CTT_TASK] = {sizeof(struct ctt_task), load_task},
    [CTT_HOLDING] = {sizeof(struct ctt_holding), load_holding},
    [CTT_GROUP] = {sizeof(struct ctt_group), load_group},
    [CTT_SITE] = {sizeof(struct ctt_site), model_load_site},
    [CTT_MISHAP] = {sizeof(struct ctt_mishap), load_mishap},
    [CTT_COUNTER] = {sizeof(struct ctt_counter), model_load_counter},
    [CTT_HEALTH] = {sizeof(struct ctt_health), model_load_health},
    [CTT_HOLDER] = {sizeof(struct ctt_holder), model_load_holder},
    [CTT_INJECTION] = {sizeof(struct ctt_injection), load_injection},
    [CTT_REACH] = {sizeof(struct ctt_reach), model_load_reach},
    [CTT_LATE] = {sizeof(struct ctt_late), model_load_late},
    [CTT_SERIES] = {sizeof(struct ctt_series), model_load_series},
};

static void load_record(struct load *load, const struct reader_record *record)
{
    union fixed_part fixed;

    if (record->type >= sizeof(loaders) / sizeof(loaders[0]) || !loaders[record->type].load) {
        load->model->strange_records++;
        return;
    }
    load->record = record;
    reader_copy_fixed(record, &fixed, loaders[record->type].bytes);
    loaders[record->type].load(load, &fixed);
}

/* A stream or directory has no name of its own: that of its descriptor. */
static void owners_name(struct model *model)
{
    struct owner {
        uint64_t handle;
        struct holding *holding;
        UT_hash_handle hh;
    } *owners = NULL, *owner, *next;
    struct holding *holding;

    DL_FOREACH (model->holdings, holding) {
        if (holding->grouped || (holding->kind != CTT_KIND_STREAM && holding->kind != CTT_KIND_DIR))
            continue;
        owner = xalloc(sizeof(*owner));
        owner->handle = holding->handle;
        owner->holding = holding;
        HASH_ADD(hh, owners, handle, sizeof(owner->handle), owner);
    }
    DL_FOREACH (model->holdings, holding) {
        if (holding->grouped || !(holding->flags & CTT_HOLDING_OWNED))
            continue;
        HASH_FIND(hh, owners, &holding->owner, sizeof(holding->owner), owner);
        if (owner && !owner->holding->name)
            owner->holding->name = holding->name;
    }
    HASH_ITER(hh, owners, owner, next)
    {
        HASH_DEL(owners, owner);
        free(owner);
    }
}

static struct task *task_of(const struct model *model, uint32_t id)
{
    return id ? model_task(model, id) : NULL; /* several untracked ones have 0 */
}

static void tasks_link(struct model *model)
{
    struct task *other;

    for (struct task *t = model->tasks; t; t = t->hh.next) {
        t->context = model_context(model, t->context_id);
        t->active = model_context(model, t->active_id);
        t->made_by = t->creator == t->id ? NULL : task_of(model, t->creator);
        other = t->thread_id == t->id ? NULL : task_of(model, t->thread_id);
        if (t->flags & CTT_TASK_DECLARED)
            t->thread = other;
        else if (other && other->flags & CTT_TASK_DECLARED)
            t->job = other;
    }
    for (struct task *t = model->tasks; t; t = t->hh.next) {
        if (t->thread && !t->thread->thread_id)
            t->thread->job = t; /* older dumps do not tell which is the innermost */
    }
}

/* A damaged dump may have a ring of contexts: whoever goes up would never come to an end. */
static void contexts_unring(struct model *model)
{
    uint32_t walk = 0;

    for (struct context *from = model->contexts; from; from = from->hh.next) {
        struct context *c = from;

        walk++;
        while (c->parent && !c->walk) {
            c->walk = walk;
            if (c->parent->walk == walk) {
                c->parent = NULL;
                model->strange_records++;
                break;
            }
            c = c->parent;
        }
    }
}

/* What the process was started in is the trace of everything in it. */
static void process_trace_pass_on(struct model *model)
{
    for (struct context *c = model->contexts; c; c = c->hh.next) {
        if (c->kind == CTT_CONTEXT_PROCESS && !c->trace_id)
            c->trace_id = model->process.trace_id;
    }
}

static void model_link(struct model *model)
{
    struct holding *holding;
    struct mishap *mishap;

    for (struct context *c = model->contexts; c; c = c->hh.next) {
        c->parent = c->parent_id == c->id ? NULL : model_context(model, c->parent_id);
        c->task = task_of(model, c->task_id);
    }
    contexts_unring(model);
    process_trace_pass_on(model);
    tasks_link(model);
    model_link_sites(model);
    DL_FOREACH (model->holdings, holding) {
        holding->context = model_context(model, holding->context_id);
        if (holding->context)
            holding->context->holds = true;
        holding->task = task_of(model, holding->task_id);
        if (holding->kind == CTT_KIND_CLEANUP && holding->task && !holding->grouped) {
            holding->next_cleanup = holding->task->cleanups;
            holding->task->cleanups = holding;
        }
    }
    DL_FOREACH (model->mishaps, mishap)
        mishap->context = model_context(model, mishap->context_id);
}

int model_load(struct model **ret_model, const void *bytes, size_t size)
{
    struct reader reader;
    struct reader_record record;
    struct load load = {0};
    int fault = reader_start(&reader, bytes, size);

    if (fault)
        return fault;
    load.model = xalloc(sizeof(*load.model));
    load.model->pool = pool_new();
    while (reader_next(&reader, &record))
        load_record(&load, &record);
    HASH_CLEAR(hh, load.texts);
    load.model->fault = reader.fault;
    load.model->format_major = reader.format_major;
    load.model->format_minor = reader.format_minor;
    model_link(load.model);
    owners_name(load.model);
    *ret_model = load.model;
    return 0;
}
