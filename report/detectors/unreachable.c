/* SPDX-License-Identifier: MIT */
/*
 * D17: memory that nothing reaches any more: no global, no stack, no register, no block
 * that is itself reached. Nobody can free it, so it is a leak whatever its context; the
 * tracker has looked (format.h, CTT_REACH).
 *
 * What is reached only through such a block is told with it, not by itself, and what is
 * reached from a thread's memory after the thread's end has been handed over. A lost
 * stream or directory is a descriptor, too: held-at-exit tells of it, and its memory is
 * part of it.
 */
#include <string.h>

#include "../project.h"
#include "rules.h"

static const struct module *module_of(const struct model *model, uint64_t pc)
{
    uint32_t id = CTT_PC_MODULE(pc);
    struct module *module;

    HASH_FIND(hh, model->modules, &id, sizeof(id), module);
    return module;
}

/* How many of the inmost frames are libc's, or its like's. */
static uint32_t runtime_frames(const struct model *model, const struct stack *stack)
{
    uint32_t count = 0;

    while (count < stack->pc_count) {
        const struct module *module = module_of(model, stack->pcs[count]);

        if (!module || !module_is_runtime(module))
            break;
        count++;
    }
    return count;
}

/* Whether both are of one call into libc: the same callers, to the last address. */
static bool stacks_are_of_one_call(const struct model *model, const struct stack *a,
                                   const struct stack *b)
{
    uint32_t a_from, b_from, a_rest, b_rest, rest;

    if (!a || !b)
        return false;
    a_from = runtime_frames(model, a);
    b_from = runtime_frames(model, b);
    a_rest = a->pc_count - a_from;
    b_rest = b->pc_count - b_from;
    rest = a_rest < b_rest ? a_rest : b_rest;
    /* One of two that were cut is longer by what the other has inside of libc. */
    return rest && (a_rest == b_rest || (a->cut && b->cut)) &&
           memcmp(a->pcs + a_from, b->pcs + b_from, rest * sizeof(*a->pcs)) == 0;
}

/* Where its owner is told of, at the end of a process. */
static bool holding_is_of_lost_stream(const struct report *report, const struct holding *holding)
{
    const struct holding *owner;

    if (!model_is_end(report->model))
        return false;
    DL_FOREACH (report->model->holdings, owner) {
        if ((owner->kind == CTT_KIND_STREAM || owner->kind == CTT_KIND_DIR) &&
            (owner->flags & CTT_HOLDING_LIBC_ONLY) &&
            stacks_are_of_one_call(report->model, holding->stack, owner->stack))
            return true;
    }
    return false;
}

/* Why it is only a note, or NULL. */
static const char *mildness(const struct report *report, const struct holding *holding)
{
    const struct reach *reach = &report->model->reach;

    if (reach->facts.state != CTT_REACH_JUDGED)
        return pool_format(report->model->pool, "not all could be looked at%s%s",
                           reach->note ? ": " : "", reach->note ? reach->note : "");
    if (!stack_has_project(report->model, holding->stack))
        return "no frame is of the project's: a system program's or library's own habit";
    return NULL;
}

static void run(struct report *report, const struct detector *self)
{
    struct holding *holding;

    if (report->model->reach.facts.state == CTT_REACH_NONE)
        return;
    DL_FOREACH (report->model->holdings, holding) {
        const char *milder;

        if (holding->kind != CTT_KIND_MEMORY || !(holding->flags & CTT_HOLDING_LOST) ||
            !holding_is_blamable(holding) || holding_is_of_lost_stream(report, holding))
            continue;
        milder = mildness(report, holding);
        finding_add_holding(report, self, holding, GRADE_EVIDENCE,
                            milder ? SEVERITY_NOTE : lost_severity(report, holding->context));
        holding->finding->milder = milder;
    }
}

const struct detector detector_unreachable = {
    .name = "unreachable",
    .sentence = "nothing reaches this memory any more",
    .run = run,
};
