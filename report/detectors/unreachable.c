/* SPDX-License-Identifier: MIT */
/*
 * D17: memory that nothing reaches any more: no global, no stack, no register, no block
 * that is itself reached. Nobody can free it, so it is a leak whatever its context; the
 * tracker has looked (format.h, CTT_REACH).
 *
 * What is reached only through such a block is told with it, not by itself, and what is
 * reached from a thread's memory after the thread's end has been handed over. A lost
 * stream or directory is a descriptor, too: where a detector above has told of it, its
 * memory is part of that.
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

/* Where forgotten streams and directories were opened that are told of: a few places,
 * however many there are. */
struct opening {
    uint32_t stack; /* its id */
    const struct stack *pcs;
    uint32_t runtime; /* its inmost frames that are libc's */
    enum severity severity;
    UT_hash_handle hh;
};

static struct opening *openings_find(const struct report *report)
{
    struct opening *openings = NULL, *opening;
    const struct holding *h;

    DL_FOREACH (report->model->holdings, h) {
        if ((h->kind != CTT_KIND_STREAM && h->kind != CTT_KIND_DIR) ||
            !(h->flags & CTT_HOLDING_LIBC_ONLY) || !h->stack || !h->finding)
            continue;
        HASH_FIND(hh, openings, &h->stack->id, sizeof(h->stack->id), opening);
        if (opening && h->finding->severity > opening->severity)
            opening->severity = h->finding->severity;
        if (opening)
            continue;
        opening = pool_alloc(report->model->pool, sizeof(*opening));
        opening->stack = h->stack->id;
        opening->pcs = h->stack;
        opening->runtime = runtime_frames(report->model, h->stack);
        opening->severity = h->finding->severity;
        HASH_ADD(hh, openings, stack, sizeof(opening->stack), opening);
    }
    return openings;
}

/* Whether memory was acquired in one of these calls into libc: by the same callers, to
 * the last address. A note on a stream does not stand for more than a note on memory. */
static bool stack_is_of_opening(const struct model *model, const struct opening *openings,
                                const struct stack *stack, enum severity severity)
{
    uint32_t runtime = stack ? runtime_frames(model, stack) : 0;

    for (const struct opening *o = openings; o && stack; o = o->hh.next) {
        uint32_t mine = stack->pc_count - runtime, its = o->pcs->pc_count - o->runtime;
        uint32_t both = mine < its ? mine : its;

        /* One of two that were cut is longer by what the other has inside of libc. */
        if (both && (o->severity > SEVERITY_NOTE || severity == SEVERITY_NOTE) &&
            (mine == its || (stack->cut && o->pcs->cut)) &&
            memcmp(stack->pcs + runtime, o->pcs->pcs + o->runtime, both * sizeof(*stack->pcs)) == 0)
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
    struct opening *openings;
    struct holding *holding;

    if (report->model->reach.facts.state == CTT_REACH_NONE)
        return;
    openings = openings_find(report);
    DL_FOREACH (report->model->holdings, holding) {
        enum severity severity;
        const char *milder;

        if (!holding_is_lost(holding) || !holding_is_blamable(holding))
            continue;
        milder = mildness(report, holding);
        severity = milder ? SEVERITY_NOTE : lost_severity(report, holding->context);
        if (stack_is_of_opening(report->model, openings, holding->stack, severity))
            continue;
        finding_add_holding(report, self, holding, GRADE_EVIDENCE, severity);
        holding->finding->milder = milder;
    }
    HASH_CLEAR(hh, openings);
}

const struct detector detector_unreachable = {
    .name = "unreachable",
    .sentence = "nothing reaches this memory any more",
    .run = run,
};
