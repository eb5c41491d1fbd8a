/* SPDX-License-Identifier: MIT */
/*
 * Records that stand alone: the process, its options and limits, names of
 * kinds, counters, health. See model_load.h.
 */
#include "model_load.h"

void model_load_process(struct load *load, const void *fixed)
{
    struct process *process = &load->model->process;
    const struct ctt_process *in = fixed;
    const struct text *argv = text_find(load, in->argv);
    const struct text *suppressions = text_find(load, in->suppressions);

    process->known = true;
    process->facts = *in;
    process->exe = text_of(load, in->exe);
    process->name = text_of(load, in->name);
    process->argv = argv ? argv->chars : NULL;
    process->argv_bytes = argv ? argv->bytes : 0;
    process->cwd = text_of(load, in->cwd);
    process->host = text_of(load, in->host);
    process->kernel = text_of(load, in->kernel);
    process->libc = text_of(load, in->libc);
    process->arch = text_of(load, in->arch);
    process->tool_version = text_of(load, in->tool_version);
    process->trace_id = text_of(load, in->trace_id);
    process->cause = text_of(load, in->cause);
    process->suppressions = suppressions ? suppressions->chars : NULL;
    process->suppressions_bytes = suppressions ? suppressions->bytes : 0;
}

void model_load_reach(struct load *load, const void *fixed)
{
    struct reach *reach = &load->model->reach;
    const struct ctt_reach *in = fixed;

    if (reach->known) {
        load->model->strange_records++;
        return;
    }
    reach->known = true;
    reach->facts = *in;
    reach->note = text_of(load, in->note);
}

void model_load_option(struct load *load, const void *fixed)
{
    const struct ctt_option *in = fixed;
    struct dump_option *option = pool_alloc(load->model->pool, sizeof(*option));

    option->key = text_of(load, in->key);
    option->value = text_of(load, in->value);
    option->origin = in->origin;
    DL_APPEND(load->model->options, option);
}

void model_load_limit(struct load *load, const void *fixed)
{
    const struct ctt_limit *in = fixed;
    struct limit *limit = pool_alloc(load->model->pool, sizeof(*limit));

    limit->name = text_of(load, in->name);
    limit->unit = text_of(load, in->unit);
    limit->used = in->used;
    limit->soft = in->soft;
    limit->hard = in->hard;
    DL_APPEND(load->model->limits, limit);
}

void model_load_kind(struct load *load, const void *fixed)
{
    const struct ctt_kind *in = fixed;
    struct kind_name *kind;

    HASH_FIND(hh, load->model->kinds, &in->id, sizeof(in->id), kind);
    if (kind) {
        load->model->strange_records++;
        return;
    }
    kind = pool_alloc(load->model->pool, sizeof(*kind));
    kind->id = in->id;
    kind->name = text_of(load, in->name);
    kind->unit = text_of(load, in->unit);
    HASH_ADD(hh, load->model->kinds, id, sizeof(kind->id), kind);
}

void model_load_counter(struct load *load, const void *fixed)
{
    const struct ctt_counter *in = fixed;
    struct counter *counter = pool_alloc(load->model->pool, sizeof(*counter));

    counter->name = text_of(load, in->name);
    counter->value = in->value;
    DL_APPEND(load->model->counters, counter);
}

void model_load_health(struct load *load, const void *fixed)
{
    const struct ctt_health *in = fixed;
    struct blind_spot *spot;

    if (in->status > load->model->health && in->status <= CTT_HEALTH_INCONCLUSIVE)
        load->model->health = in->status;
    if (!in->blind_to && !in->note)
        return;
    spot = pool_alloc(load->model->pool, sizeof(*spot));
    spot->kind = text_of(load, in->blind_to);
    spot->note = text_of(load, in->note);
    spot->status = in->status;
    DL_APPEND(load->model->blind_spots, spot);
}
