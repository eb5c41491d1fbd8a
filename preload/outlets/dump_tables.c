/* SPDX-License-Identifier: MIT */
/* The tables that are written as they stand: modules, kinds, contexts, mishaps,
 * sites, counters, blind spots. */
#include <string.h>

#include "preload/books/holders.h"
#include "preload/books/injection.h"
#include "preload/books/mishap.h"
#include "preload/books/own_kinds.h"
#include "preload/facts/context.h"
#include "preload/facts/context_note.h"
#include "preload/facts/kinds.h"
#include "preload/facts/lateness.h"
#include "preload/facts/module.h"
#include "preload/facts/releases.h"
#include "preload/facts/series.h"
#include "preload/facts/stack.h"
#include "preload/facts/tally.h"
#include "preload/ground/blind.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"
#include "preload/outlets/dump_writer.h"
#include "preload/outlets/reach.h"
#include "preload/outlets/switched_off.h"

#define NS_PER_S UINT64_C(1000000000)

/* Called twice: modules met while the dump is being written come at its end. */
void dump_modules(struct dump *dump)
{
    uint32_t limit = module_limit();
    for (uint32_t id = dump->module_next ? dump->module_next : 1; id < limit; id++) {
        const struct module *module = module_get(id);
        if (!module)
            continue;
        struct ctt_module record = {.id = id,
                                    .flags = module->flags,
                                    .start = module->start,
                                    .end = module->end,
                                    .bias = module->bias,
                                    .path = dump_string(dump, module->path),
                                    .build_id = dump_string(dump, module->build_id),
                                    .loaded_generation = module->loaded_generation,
                                    .unloaded_generation =
                                        atomic_load(&module->unloaded_generation)};
        if (record.unloaded_generation)
            record.flags |= CTT_MODULE_UNLOADED;
        dump_record(dump, CTT_MODULE, &record, sizeof record);
    }
    dump->module_next = limit;
}

void dump_kinds(struct dump *dump)
{
    for (size_t i = 0; kind_rows[i].name; i++) {
        struct ctt_kind kind = {.id = kind_rows[i].id,
                                .name = dump_string(dump, kind_rows[i].name),
                                .unit = dump_string(dump, kind_rows[i].unit)};
        dump_record(dump, CTT_KIND, &kind, sizeof kind);
    }
    for (uint32_t i = 0; i < own_kinds(); i++) {
        uint32_t number = CTT_KIND_OWN_FIRST + i;
        struct ctt_kind kind = {.id = number, .name = dump_string(dump, own_kind_name(number))};
        dump_record(dump, CTT_KIND, &kind, sizeof kind);
    }
}

/* The process's own context ends with the process, and this is the end. */
static void end_process_context(const struct dump *dump, struct ctt_context *record)
{
    const struct dump_request *request = dump->request;
    bool ends = request->trigger == CTT_TRIGGER_EXIT || request->trigger == CTT_TRIGGER_FATAL;
    if (record->kind != CTT_CONTEXT_PROCESS || !ends)
        return;
    record->state = request->exit_code == 0 ? CTT_STATE_OK : CTT_STATE_ERROR;
    record->ended_ns = dump->taken_ns;
}

/* As it was when the dump was begun: what was held then, and was given back
 * before the context's end a moment later, was never late. */
static bool context_then(const struct dump *dump, uint32_t slot, struct context_copy *ret_copy)
{
    const struct context *context = context_slot(slot);
    if (!context || !context_read(atomic_load(&context->id), ret_copy) ||
        ret_copy->created_ns > dump->taken_ns)
        return false;
    bool dropped = !atomic_load(&context->kept);
    if (ret_copy->end_number > dump->context_ends) {
        ret_copy->state = CTT_STATE_ACTIVE;
        ret_copy->ended_ns = CTT_NEVER;
        ret_copy->ended_stack = 0;
    }
    bool over = dropped || ret_copy->state != CTT_STATE_ACTIVE;
    return !over || dump->context_named[slot] || reach_lost_context(ret_copy->id);
}

/* A deadline ends its context, whether or not anybody has looked since. */
static void tell_note(struct dump *dump, struct ctt_context *record)
{
    const struct context_note *note = note_of(record->id);
    if (!note)
        return;
    uint64_t deadline = atomic_load(&note->deadline_ns);
    if (record->state == CTT_STATE_ACTIVE && deadline <= dump->taken_ns) {
        record->state = CTT_STATE_DEADLINE;
        record->ended_ns = deadline;
    }
    if (record->state != CTT_STATE_ACTIVE)
        record->cause = dump_string(dump, note->cause);
    record->trace_id = dump_string(dump, note->trace_id);
    record->span_id = dump_string(dump, note->span_id);
    record->value_key = dump_string(dump, note->value_key);
    record->value = dump_string(dump, note->value);
    record->deadline_ns = deadline == CTT_NEVER ? 0 : deadline;
    record->grace_ns = atomic_load(&note->grace_ns);
}

/* Contexts that are over and that nothing names are left out: a program may
 * have had millions of them. */
void dump_contexts(struct dump *dump)
{
    struct context_copy context;
    for (uint32_t slot = CONTEXT_PROCESS; slot < dump->context_count; slot++) {
        if (!context_then(dump, slot, &context))
            continue;
        struct ctt_context record = {
            .id = context.id,
            .parent = context.parent,
            .kind = context.kind,
            .state = context.state,
            .created_ns = context.created_ns,
            .ended_ns = context.ended_ns,
            .created_stack = dump_stack(dump, context.created_stack),
            .ended_stack = dump_stack(dump, context.ended_stack),
            .flags = context.flags,
            .task = context.task,
            .name = dump_string(dump, context.name),
        };
        tell_note(dump, &record);
        if (reach_lost_context(record.id))
            record.flags |= CTT_CONTEXT_LOST;
        end_process_context(dump, &record);
        dump_record(dump, CTT_CONTEXT, &record, sizeof record);
    }
}

void dump_mishaps(struct dump *dump)
{
    struct ctt_mishap fact;
    for (uint32_t i = 0; mishap_read(i, &fact); i++) {
        if (fact.id == 0)
            continue;
        dump_context(dump, fact.context);
        fact.stack = dump_stack(dump, fact.stack);
        fact.acquired_stack = dump_stack(dump, fact.acquired_stack);
        fact.released_stack = dump_stack(dump, fact.released_stack);
        dump_record(dump, CTT_MISHAP, &fact, sizeof fact);
    }
}

void dump_holders(struct dump *dump)
{
    struct ctt_holder row;
    for (uint32_t i = 0; holders_read(i, &row); i++) {
        row.stack = dump_stack(dump, row.stack);
        dump_record(dump, CTT_HOLDER, &row, sizeof row);
    }
}

void dump_injections(struct dump *dump)
{
    struct ctt_injection fact = {.rules = dump_string(dump, injection_text())};
    const char *function;
    if (!fact.rules)
        return;
    injection_totals(&fact);
    dump_record(dump, CTT_INJECTION, &fact, sizeof fact);
    for (uint32_t i = 0; injection_read(i, &fact, &function); i++) {
        if (!function)
            continue;
        fact.function = dump_string(dump, function);
        fact.stack = dump_stack(dump, fact.stack);
        dump_record(dump, CTT_INJECTION, &fact, sizeof fact);
    }
}

/* What the threads' rooms have counted and not yet added up, by stack. */
struct pending {
    uint64_t acquired, bytes;
};

struct pendings {
    struct pending *of;
    uint32_t count;
};

static void pending_add(uint32_t stack, uint32_t count, uint64_t bytes, void *arg)
{
    struct pendings *pendings = arg;
    if (stack >= pendings->count)
        return;
    pendings->of[stack].acquired += count;
    pendings->of[stack].bytes += bytes;
}

static uint32_t kind_of(uint32_t stack)
{
    uint32_t kind = atomic_load(&stack_note(stack)->kind);
    return kind ? kind : CTT_KIND_MEMORY;
}

/* Their stacks are told, too: all that came late may have been given back by now. */
static void dump_lateness(struct dump *dump)
{
    const struct lateness *lateness = NULL;
    struct ctt_late late;
    while ((lateness = lateness_next(lateness))) {
        if (!lateness_read(lateness, &late) || !dump_stack(dump, late.stack))
            continue;
        late.kind = kind_of(late.stack);
        dump_record(dump, CTT_LATE, &late, sizeof late);
    }
}

static void dump_series(struct dump *dump, uint32_t stack)
{
    struct ctt_series series = {.stack = stack};
    if (!series_read(stack, &series))
        return;
    series.kind = kind_of(stack);
    dump_record(dump, CTT_SERIES, &series, sizeof series);
}

/* For the stacks that the dump tells of: what became of their siblings. A block
 * acquired between the scan and this reading would count as released: the
 * difference is of a few, among thousands. */
void dump_sites(struct dump *dump)
{
    static const struct pending none;
    struct pendings pendings = {NULL, dump->stack_count};
    size_t pending_bytes = dump->stack_count * sizeof *pendings.of;
    dump_lateness(dump);
    pendings.of = sys_map(pending_bytes);
    if (pendings.of)
        tally_each_pending(pending_add, &pendings);
    for (uint32_t id = 1; id < dump->stack_count; id++) {
        struct stack_tally *tally = dump->stack_told[id] ? stack_tally(id) : NULL;
        const struct pending *more = pendings.of ? &pendings.of[id] : &none;
        uint64_t acquired = tally ? atomic_load(&tally->acquired) + more->acquired : 0;
        if (!acquired)
            continue;
        uint64_t live = dump->stack_live[id];
        struct ctt_site site = {
            .stack = id,
            .kind = kind_of(id),
            .acquired = acquired,
            .released = live < acquired ? acquired - live : 0,
            .acquired_bytes = atomic_load(&tally->bytes) + more->bytes,
            .released_stack = dump_stack(dump, atomic_load(&stack_note(id)->released_stack)),
        };
        releases_read(id, &site);
        for (unsigned i = 0; i < CTT_SITE_PLACES; i++)
            site.released_at[i].stack = dump_stack(dump, site.released_at[i].stack);
        dump_record(dump, CTT_SITE, &site, sizeof site);
        dump_series(dump, id);
    }
    if (pendings.of)
        sys_unmap(pendings.of, pending_bytes);
}

/* ---- health ---- */

static void dump_blind(struct dump *dump, enum ctt_health_status status, const char *kind,
                       const char *note)
{
    struct ctt_health health = {
        .status = status, .blind_to = dump_string(dump, kind), .note = dump_string(dump, note)};
    dump_record(dump, CTT_HEALTH, &health, sizeof health);
}

static void dump_switched_off(struct dump *dump)
{
    char note[128];
    struct text text = TEXT_OF(note);
    text_add(&text, "switched off by `ctxtrace off` at ");
    text_add_u64(&text, switched_off_ns() / NS_PER_S);
    text_add(&text, " s, and blind since");
    dump_blind(dump, CTT_HEALTH_INCONCLUSIVE, NULL, note);
}

void dump_health(struct dump *dump)
{
    enum ctt_kind_id kind;
    const char *note;
    dump_blind(dump, CTT_HEALTH_FULL, NULL, NULL); /* the worst of all records counts */
    if (is_switched_off())
        dump_switched_off(dump);
    for (uint32_t i = 0; health_blind_read(i, &kind, &note); i++)
        dump_blind(dump, kind ? CTT_HEALTH_DEGRADED : CTT_HEALTH_FULL, kind_name(kind), note);
    for (uint32_t i = 0; i < HEALTH_COUNT; i++) {
        uint64_t value = atomic_load(&health_counts[i]);
        if (!value)
            continue;
        struct ctt_counter counter = {.name = dump_string(dump, health_names[i]), .value = value};
        dump_record(dump, CTT_COUNTER, &counter, sizeof counter);
        if (health_losses[i])
            dump_blind(dump, CTT_HEALTH_DEGRADED, NULL, health_losses[i]);
    }
}
