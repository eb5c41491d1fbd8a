/* SPDX-License-Identifier: MIT */
/*
 * From rows of a state file to records of a dump, as preload/outlets/dump_*.c make them of
 * the tables in memory.
 */
#include <math.h>
#include <string.h>

#include "pool.h"
#include "recovery.h"

#define NS_PER_MS UINT64_C(1000000)

void recovery_tell_detail(uint32_t index, const void *row, void *arg)
{
    const struct state_detail *detail = row;
    struct recovery *recovery = arg;
    char text[sizeof(detail->text) + 1] = "";

    memcpy(text, detail->text, sizeof(detail->text));
    if (index < sizeof(recovery->details) / sizeof(recovery->details[0]))
        recovery->details[index] = dump_bytes_string(&recovery->dump, text);
}

/* The others are known by their numbers. */
void recovery_tell_kind(uint32_t index, const void *row, void *arg)
{
    const struct state_detail *detail = row;
    struct recovery *recovery = arg;
    char text[sizeof(detail->text) + 1] = "";
    struct ctt_kind record = {.id = CTT_KIND_OWN_FIRST + index};

    memcpy(text, detail->text, sizeof(detail->text));
    record.name = dump_bytes_string(&recovery->dump, text);
    dump_bytes_record(&recovery->dump, CTT_KIND, &record, sizeof(record));
}

void recovery_tell_module(uint32_t index, const void *row, void *arg)
{
    const struct state_module *module = row;
    struct recovery *recovery = arg;
    char path[sizeof(module->path) + 1] = "", build_id[sizeof(module->build_id) + 1] = "";
    struct ctt_module record = {.id = index,
                                .flags = module->flags,
                                .start = module->start,
                                .end = module->end,
                                .bias = module->bias,
                                .loaded_generation = module->loaded_generation,
                                .unloaded_generation = module->unloaded_generation};

    memcpy(path, module->path, sizeof(module->path));
    memcpy(build_id, module->build_id, sizeof(module->build_id));
    record.path = dump_bytes_string(&recovery->dump, path);
    if (index < sizeof(recovery->module_paths) / sizeof(recovery->module_paths[0]))
        recovery->module_paths[index] = record.path;
    record.build_id = dump_bytes_string(&recovery->dump, build_id);
    if (record.unloaded_generation)
        record.flags |= CTT_MODULE_UNLOADED;
    dump_bytes_record(&recovery->dump, CTT_MODULE, &record, sizeof(record));
}

/* The table knows a thread by its pthread_t and its task, people by its tid and name. */
static void thread_describe(struct recovery *recovery, struct ctt_holding *record)
{
    const struct task *task = recovery_task(recovery, (uint32_t)record->owner);
    char name[sizeof(task->row.name) + 1] = "";

    record->owner = 0;
    if (!task)
        return;
    record->handle = task->row.tid;
    if (task->row.flags & CTT_TASK_ENDED)
        record->flags |= CTT_HOLDING_ENDED;
    memcpy(name, task->row.name, sizeof(task->row.name));
    record->name = dump_bytes_string(&recovery->dump, name);
}

/* The table knows one by when it was opened, too, and what it is by its module. */
static void library_describe(struct recovery *recovery, struct ctt_holding *record)
{
    if (record->owner < sizeof(recovery->module_paths) / sizeof(recovery->module_paths[0]))
        record->name = recovery->module_paths[record->owner];
    record->owner = 0;
    record->handle = STATE_OPENING_HANDLE(record->handle);
}

static bool is_used_elsewhere(const struct recovery *recovery, const struct ctt_holding *record)
{
    const struct context *context = recovery_context(recovery, record->context);

    return context && record->last_task && record->last_task != record->task &&
           record->last_used_ns != CTT_NEVER &&
           record->last_used_ns / NS_PER_MS >= context->row.ended_ns / NS_PER_MS;
}

void recovery_tell_holding(uint32_t index, const void *row, void *arg)
{
    struct recovery *recovery = arg;
    const struct state_holding *holding = row;
    struct ctt_holding record = {
        .kind = holding->kind,
        .flags = holding->flags,
        .handle = holding->handle,
        .owner = holding->owner,
        .owner_kind = holding->owner_kind,
        .context = recovery_name_context(recovery, holding->context),
        .task = holding->task,
        .acquired_ns = holding->acquired_ns,
        .bytes = holding->bytes,
        .last_used_ns = holding->last_used_ms ? (holding->last_used_ms - 1) * NS_PER_MS : CTT_NEVER,
        .last_task = holding->last_task,
        .detail = recovery->details[holding->detail],
        .source = holding->source,
    };

    (void)index;
    /* Whether a lock is held stands in the lock itself. */
    if (holding->kind == CTT_KIND_LOCK) {
        recovery->left_out_locks++;
        return;
    }
    recovery_note_time(recovery, record.acquired_ns);
    recovery_note_time(recovery, record.last_used_ns);
    record.stack =
        recovery_tell_stack(recovery, holding->stack, !(record.flags & CTT_HOLDING_PART));
    if (record.source)
        record.source_stack = recovery_tell_stack(recovery, holding->source_stack, 0);
    if (is_used_elsewhere(recovery, &record))
        record.flags |= CTT_HOLDING_USED_ELSEWHERE;
    if (record.kind == CTT_KIND_THREAD)
        thread_describe(recovery, &record);
    if (record.kind == CTT_KIND_MODULE)
        library_describe(recovery, &record);
    if (record.kind == CTT_KIND_MAPPING)
        record.owner = 0;
    dump_bytes_record(&recovery->dump, CTT_HOLDING, &record, sizeof(record));
}

/* As preload/ground/sample.h has it. */
static void drawn_add(const struct recovery *recovery, struct ctt_group *group, uint64_t bytes)
{
    double mean = (double)recovery->process.sample_bytes, s = (double)bytes;
    double p = mean > 0 ? 1 - exp(-(s + 1) / mean) : 1;
    double others = (1 - p) / p, variance = others / p;

    group->sampled++;
    group->more_count += others;
    group->more_bytes += s * others;
    group->count_variance += variance;
    group->bytes_variance += s * s * variance;
}

static struct group *group_of(struct recovery *recovery, const struct state_block *block)
{
    struct group *group, sought = {.key = {block->stack, block->context}};

    HASH_FIND(hh, recovery->groups, &sought.key, sizeof(sought.key), group);
    if (group)
        return group;
    group = xalloc(sizeof(*group));
    *group = sought;
    group->record = (struct ctt_group){
        .kind = CTT_KIND_MEMORY, .context = block->context, .oldest_ns = CTT_NEVER};
    HASH_ADD(hh, recovery->groups, key, sizeof(group->key), group);
    return group;
}

void recovery_add_block(uint32_t index, const void *row, void *arg)
{
    const struct state_block *block = row;
    struct recovery *recovery = arg;
    uint64_t bytes = block->bytes & ~STATE_BLOCK_DRAWN, born_ns = block->born_ms * NS_PER_MS;
    struct ctt_group *group = &group_of(recovery, block)->record;

    (void)index;
    recovery_note_time(recovery, born_ns);
    group->count++;
    group->bytes += bytes;
    if (bytes != block->bytes)
        drawn_add(recovery, group, bytes);
    if (born_ns < group->oldest_ns)
        group->oldest_ns = born_ns;
    if (born_ns > group->newest_ns)
        group->newest_ns = born_ns;
}

void recovery_tell_groups(struct recovery *recovery)
{
    for (struct group *group = recovery->groups; group; group = group->hh.next) {
        group->record.context = recovery_name_context(recovery, group->key.context);
        group->record.stack = recovery_tell_stack(recovery, group->key.stack, group->record.count);
        dump_bytes_record(&recovery->dump, CTT_GROUP, &group->record, sizeof(group->record));
    }
}

/* ---- tasks, mishaps, contexts, sites ---- */

void recovery_tell_tasks(struct recovery *recovery)
{
    for (struct task *task = recovery->tasks; task; task = task->hh.next) {
        const struct state_task *row = &task->row;
        bool has_ended = row->flags & CTT_TASK_ENDED;
        struct ctt_task record = {.id = row->live,
                                  .tid = row->tid,
                                  .context = recovery_name_context(recovery, row->context),
                                  .creator = row->creator,
                                  .flags = row->flags,
                                  .created_ns = row->created_ns,
                                  .ended_ns = row->ended_ns,
                                  .wait_ns = CTT_NEVER};
        char name[sizeof(row->name) + 1] = "";

        memcpy(name, row->name, sizeof(row->name));
        record.created_stack = recovery_tell_stack(recovery, row->created_stack, 0);
        record.name = dump_bytes_string(&recovery->dump, name);
        record.state = has_ended ? dump_bytes_string(&recovery->dump, "ended") : 0;
        dump_bytes_record(&recovery->dump, CTT_TASK, &record, sizeof(record));
    }
}

void recovery_tell_mishap(uint32_t index, const void *row, void *arg)
{
    struct recovery *recovery = arg;
    struct ctt_mishap fact = ((const struct state_mishap *)row)->fact;

    (void)index;
    recovery_note_time(recovery, fact.last_ns);
    fact.context = recovery_name_context(recovery, fact.context);
    fact.stack = recovery_tell_stack(recovery, fact.stack, 0);
    fact.acquired_stack = recovery_tell_stack(recovery, fact.acquired_stack, 0);
    fact.released_stack = recovery_tell_stack(recovery, fact.released_stack, 0);
    dump_bytes_record(&recovery->dump, CTT_MISHAP, &fact, sizeof(fact));
}

/* The process's own has ended with the process. Those that are over and that nothing
 * names are left out. */
void recovery_tell_contexts(struct recovery *recovery)
{
    for (struct context *context = recovery->contexts; context; context = context->hh.next) {
        const struct state_context *row = &context->row;
        struct ctt_context record = {.id = row->live,
                                     .parent = row->parent,
                                     .kind = row->kind,
                                     .state = row->state,
                                     .created_ns = row->created_ns,
                                     .ended_ns = row->ended_ns,
                                     .flags = row->flags};
        char name[sizeof(row->name) + 1] = "";

        if (record.kind == CTT_CONTEXT_PROCESS) {
            record.state = CTT_STATE_ERROR;
            record.ended_ns = recovery->last_ns;
        } else if (record.state != CTT_STATE_ACTIVE && !context->is_named) {
            continue;
        }
        memcpy(name, row->name, sizeof(row->name));
        record.created_stack = recovery_tell_stack(recovery, row->created_stack, 0);
        record.ended_stack = recovery_tell_stack(recovery, row->ended_stack, 0);
        record.name = dump_bytes_string(&recovery->dump, name);
        dump_bytes_record(&recovery->dump, CTT_CONTEXT, &record, sizeof(record));
    }
}

/* More may be held than were counted: a thread adds up 64 blocks at once. */
void recovery_tell_site(uint32_t index, const void *row, void *arg)
{
    struct recovery *recovery = arg;
    struct ctt_site site = ((const struct state_tally *)row)->site;
    uint64_t live;

    if (index >= recovery->node_count || !recovery->nodes[index].is_told)
        return;
    live = recovery->nodes[index].live;
    site.stack = index;
    site.acquired = site.acquired < live ? live : site.acquired;
    site.released = site.acquired - live;
    site.released_stack = recovery_tell_stack(recovery, site.released_stack, 0);
    for (size_t i = 0; i < CTT_SITE_PLACES; i++)
        site.released_at[i].stack = recovery_tell_stack(recovery, site.released_at[i].stack, 0);
    dump_bytes_record(&recovery->dump, CTT_SITE, &site, sizeof(site));
}
