/* SPDX-License-Identifier: MIT */
/*
 * D3 of contexts themselves: from pile_up= on, contexts that go on, made at one stack within
 * one parent: each of them was to be ended by somebody, and waits with its parent for an end.
 *
 * A server with a thousand connections has a thousand of these, most of them idle: in many
 * designs they hold nothing, as the connection is the server's, and no task is at work in
 * them. What tells those apart is that somebody is left who may end them. So a context
 * counts only when the task that made it has ended, it and all below it hold nothing, no task
 * that lives is at work in them, and it is older than the grace. The makers of a server's
 * contexts (its loop, its acceptor, the thread of a connection) live as long as they are of
 * use. As their maker may have handed them on, it is a heuristic and a note; those that
 * nothing in memory refers to any more are told as lost (D4), and not here.
 */
#include "tasks.h"

#include <inttypes.h>

struct pile_key {
    uint32_t stack, parent;
};

struct pile {
    struct pile_key key;
    uint64_t count;
    UT_hash_handle hh;
};

static void mark_busy(struct context *context)
{
    for (; context && !context->busy; context = context->parent)
        context->busy = true;
}

static void mark_all(struct model *model)
{
    for (struct context *c = model->contexts; c; c = c->hh.next) {
        if (c->holds)
            mark_busy(c);
    }
    for (struct task *t = model->tasks; t; t = t->hh.next) {
        if (!task_is_alive(t))
            continue;
        mark_busy(t->context);
        mark_busy(t->active);
    }
}

static bool context_is_left(const struct report *report, const struct context *context)
{
    return context->kind == CTT_CONTEXT_CTX && context->state == CTT_STATE_ACTIVE &&
           !(context->flags & (CTT_CONTEXT_IGNORED | CTT_CONTEXT_LOST)) && !context->busy &&
           !context->hidden && context->created_stack && context->parent &&
           context->parent->kind == CTT_CONTEXT_CTX && context->task &&
           !task_is_alive(context->task) &&
           time_between(context->created_ns, report->now_ns) > report->settings.grace_ns;
}

static struct pile *pile_of(struct pile *piles, const struct context *context)
{
    struct pile_key key = {context->created_stack->id, context->parent->id};
    struct pile *pile;

    HASH_FIND(hh, piles, &key, sizeof(key), pile);
    return pile;
}

static struct pile *piles_make(struct report *report)
{
    struct pile *piles = NULL, *pile;

    for (const struct context *c = report->model->contexts; c; c = c->hh.next) {
        if (!context_is_left(report, c))
            continue;
        pile = pile_of(piles, c);
        if (!pile) {
            pile = pool_alloc(report->model->pool, sizeof(*pile));
            pile->key = (struct pile_key){c->created_stack->id, c->parent->id};
            HASH_ADD(hh, piles, key, sizeof(pile->key), pile);
        }
        pile->count++;
    }
    return piles;
}

static void pile_tell(struct report *report, struct finding *finding, const struct pile *pile)
{
    struct pool *pool = report->model->pool;
    struct evidence *evidence = evidence_new(pool, finding);

    evidence_line(evidence,
                  pool_format(pool, "%" PRIu64 " go on in one parent (proved)", pile->count));
    evidence_line(evidence, "they hold nothing, and the tasks that made them have ended");
    evidence_count(evidence, "contexts", pile->count);
    evidence_count(evidence, "pile_up", report->settings.pile_up);
}

static void run(struct report *report, const struct detector *self)
{
    struct pile *piles;

    if (report->request->kind || report->request->since_mark)
        return;
    mark_all(report->model);
    piles = piles_make(report);
    for (struct context *c = report->model->contexts; c; c = c->hh.next) {
        const struct pile *pile = context_is_left(report, c) ? pile_of(piles, c) : NULL;
        struct holding *holding;

        if (!pile || pile->count < report->settings.pile_up)
            continue;
        holding = context_holding(report, c);
        finding_add_holding(report, self, holding, GRADE_HEURISTIC, SEVERITY_NOTE);
        if (!holding->finding->evidence)
            pile_tell(report, holding->finding, pile);
    }
    HASH_CLEAR(hh, piles);
}

const struct detector detector_pile_of_contexts = {
    .name = "pile-up",
    .sentence = "many contexts of one stack go on, and nobody is left to end them",
    .run = run,
};
