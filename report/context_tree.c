/* SPDX-License-Identifier: MIT */
/*
 * See context_tree.h. A damaged dump may have a chain of any length, so nothing here recurses.
 */
#include "context_tree.h"

#include <stdlib.h>
#include <string.h>

#include "detectors/libc_own.h"

/* A cancel reaches all below before it returns; on a busy machine that takes its time. */
#define INHERIT_NS UINT64_C(100000000)

bool context_is_own(const struct context *context)
{
    return context->kind == CTT_CONTEXT_CTX || context->kind == CTT_CONTEXT_SCOPE;
}

/* ---- the tree ---- */

static int node_order(const void *a, const void *b)
{
    const struct context *left = ((const struct context_node *)a)->context;
    const struct context *right = ((const struct context_node *)b)->context;

    if ((left->kind == CTT_CONTEXT_PROCESS) != (right->kind == CTT_CONTEXT_PROCESS))
        return left->kind == CTT_CONTEXT_PROCESS ? -1 : 1;
    if (left->created_ns != right->created_ns)
        return left->created_ns < right->created_ns ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

static void nodes_make(struct context_tree *tree, const struct report *report)
{
    struct pool *pool = report->model->pool;
    size_t room = HASH_COUNT(report->model->contexts) + 1;

    tree->nodes = pool_alloc(pool, room * sizeof(*tree->nodes));
    tree->order = pool_alloc(pool, room * sizeof(struct context_node *));
    for (struct context *c = report->model->contexts; c; c = c->hh.next)
        tree->nodes[tree->count++].context = c;
    if (tree->count)
        qsort(tree->nodes, tree->count, sizeof(*tree->nodes), node_order);
    for (size_t i = 0; i < tree->count; i++)
        tree->nodes[i].context->node = &tree->nodes[i];
}

/* Those without a parent in the dump hang on a root of their own: `roots`. */
static void nodes_link(struct context_tree *tree, struct context_node *roots)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct context_node *node = &tree->nodes[i];
        struct context_node *parent = roots;

        if (node->context->parent)
            parent = node->parent = node->context->parent->node;
        if (parent->last_child)
            parent->last_child->next = node;
        else
            parent->first_child = node;
        parent->last_child = node;
    }
}

static struct context_node *node_after(struct context_node *node)
{
    if (node->first_child)
        return node->first_child;
    while (node && !node->next)
        node = node->parent;
    return node ? node->next : NULL;
}

static void nodes_put_in_order(struct context_tree *tree, const struct context_node *roots)
{
    size_t count = 0;

    for (struct context_node *n = roots->first_child; n; n = node_after(n)) {
        n->depth = n->parent ? n->parent->depth + 1 : 0;
        tree->order[count++] = n;
    }
}

/* ---- what is in a context ---- */

static void holds_add(struct pool *pool, struct context_node *node, uint32_t kind, uint64_t count)
{
    struct context_holds **at = &node->holds, *made;

    while (*at && kind_slot((*at)->kind) < kind_slot(kind))
        at = &(*at)->next;
    if (*at && kind_slot((*at)->kind) == kind_slot(kind)) {
        (*at)->count += count;
        return;
    }
    made = pool_alloc(pool, sizeof(*made));
    made->kind = kind;
    made->count = count;
    made->next = *at;
    *at = made;
}

/* What no detector asks of a context that has ended: the arena of a thread that it started. */
static bool is_libcs_to_keep(const struct report *report, const struct holding *h)
{
    return !h->finding && context_is_declared(h->context) && h->context->ended_ns != CTT_NEVER &&
           holding_is_libcs(report->model, h);
}

static void holdings_add(const struct report *report)
{
    struct holding *h;

    DL_FOREACH (report->model->holdings, h) {
        if (h->context && !h->hidden && holding_is_own(h) && !is_libcs_to_keep(report, h))
            holds_add(report->model->pool, h->context->node, h->kind, h->count);
    }
}

static void tasks_add(struct context_tree *tree)
{
    for (size_t i = 0; i < tree->units.count; i++) {
        struct task_unit *unit = &tree->units.items[i];
        struct context *context = task_unit_context(unit);

        unit->next_in_context = NULL;
        if (!context || task_has_ended(task_unit_main(unit)))
            continue;
        if (context->node->last_task)
            context->node->last_task->next_in_context = unit;
        else
            context->node->tasks = unit;
        context->node->last_task = unit;
    }
}

/* Members come context by context, mostly. */
static void blame(struct context *context, const struct context **last)
{
    if (!context || context == *last)
        return;
    context->node->findings++;
    *last = context;
}

static void findings_add(const struct report *report)
{
    for (const struct finding *f = report->findings; f; f = f->hh.next) {
        const struct context *last = NULL;

        if (f->severity == SEVERITY_NOTE)
            continue;
        blame(f->context, &last);
        for (const struct holding *h = f->holdings; h; h = h->next_in_finding)
            blame(h->context, &last);
        for (const struct mishap *m = f->mishaps; m; m = m->next_in_finding)
            blame(m->context, &last);
    }
}

/* ---- the way of a cancel ---- */

static bool same_cause(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Two that end one after the other may do so within one tick of the clock, and for no cause.
 * One call that ended both has one stack. A deadline that both have needs no call at all. */
static bool end_is_one(const struct context *c, const struct context *parent)
{
    if (c->state == CTT_STATE_DEADLINE && parent->state == CTT_STATE_DEADLINE && c->deadline_ns)
        return c->deadline_ns == parent->deadline_ns;
    if (c->ended_stack && parent->ended_stack)
        return c->ended_stack == parent->ended_stack;
    return c->cause != NULL;
}

/* At once with its parent, which is told first; or made when that had ended already. */
static bool end_is_inherited(const struct context *c)
{
    const struct context *parent = c->parent;

    if (!parent || !context_is_own(c) || !context_is_own(parent))
        return false;
    if (c->state != CTT_STATE_CANCELLED && c->state != CTT_STATE_DEADLINE)
        return false;
    if (parent->state == CTT_STATE_ACTIVE || parent->state == CTT_STATE_ABANDONED ||
        !same_cause(c->cause, parent->cause))
        return false;
    if (c->created_ns > parent->ended_ns)
        return time_between(c->created_ns, c->ended_ns) <= INHERIT_NS;
    return c->ended_ns >= parent->ended_ns && c->ended_ns - parent->ended_ns <= INHERIT_NS &&
           end_is_one(c, parent);
}

static void ends_trace(struct context_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct context_node *node = &tree->nodes[i];

        node->inherited = end_is_inherited(node->context);
        if (node->inherited)
            node->parent->passed_on = true;
    }
}

/* ---- which to show ---- */

static enum context_rank rank_of(const struct context_node *node)
{
    if (node->context->hidden)
        return CONTEXT_LEFT_OUT;
    if (node->findings)
        return CONTEXT_BLAMED;
    if (context_is_late(node))
        return CONTEXT_LATE;
    if (node->context->kind == CTT_CONTEXT_THREAD && !node->holds)
        return CONTEXT_FOLDED;
    return node->holds || node->tasks ? CONTEXT_IN_USE : CONTEXT_PLAIN;
}

static void nodes_rank(struct context_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct context_node *node = &tree->nodes[i];

        node->rank = rank_of(node);
        tree->total += node->rank != CONTEXT_LEFT_OUT;
        tree->folded += node->rank == CONTEXT_FOLDED;
        tree->late += context_is_late(node) && node->rank != CONTEXT_LEFT_OUT;
    }
}

/* With all that it stands below, or not at all. */
static bool node_pick(struct context_tree *tree, struct context_node *node, size_t limit)
{
    size_t wanted = 0;

    for (const struct context_node *n = node; n && !n->picked; n = n->parent) {
        if (tree->picked + ++wanted > limit)
            return false;
    }
    for (struct context_node *n = node; n && !n->picked; n = n->parent)
        n->picked = true;
    tree->picked += wanted;
    return true;
}

size_t context_tree_pick(struct context_tree *tree, enum context_rank lowest, size_t limit)
{
    size_t left = 0;

    tree->picked = 0;
    for (size_t i = 0; i < tree->count; i++)
        tree->nodes[i].picked = false;
    for (int rank = CONTEXT_BLAMED; rank >= (int)lowest; rank--) {
        for (size_t i = 0; i < tree->count; i++) {
            if ((int)tree->nodes[i].rank == rank && !tree->nodes[i].picked)
                node_pick(tree, &tree->nodes[i], limit);
        }
    }
    for (size_t i = 0; i < tree->count; i++)
        left += tree->nodes[i].rank >= lowest && !tree->nodes[i].picked;
    return left;
}

struct context_tree context_tree_make(const struct report *report)
{
    struct context_tree tree = {.units = task_units_make(report)};
    struct context_node roots = {0};

    nodes_make(&tree, report);
    nodes_link(&tree, &roots);
    nodes_put_in_order(&tree, &roots);
    holdings_add(report);
    tasks_add(&tree);
    findings_add(report);
    ends_trace(&tree);
    nodes_rank(&tree);
    return tree;
}
