/* SPDX-License-Identifier: MIT */
/*
 * The tree of contexts: who made whom, how each ended, what it holds, which tasks are in it.
 * The whole of it on request; in an ordinary report only the declared ones that a finding is
 * of, in few lines.
 */
#include "text_parts.h"

#include <string.h>

#include "../context_tree.h"
#include "../words.h"

enum {
    CONTEXTS_TOP = 60,
    BLAMED_TOP = 10, /* of an ordinary report, which is to stay a page */
    TASKS_NAMED = 4, /* of one context */
    DEPTH_SHOWN = 16,
    DETAIL_INDENT = 6, /* of lines after the first, behind the context's own */
};

const char *text_context_title(struct text *text, const struct context *c)
{
    if (c->kind == CTT_CONTEXT_PROCESS)
        return "process";
    return pool_format(text->pool, "%s %u%s%s", context_kind_word(c->kind), c->id,
                       c->name ? " " : "", c->name ? c->name : "");
}

/* ---- what is said of one ---- */

static const char *deadline_words(struct text *text, const struct context *c)
{
    uint64_t now = text->report->now_ns;

    if (!c->deadline_ns || c->deadline_ns == CTT_NEVER || c->state == CTT_STATE_DEADLINE)
        return "";
    if (c->state != CTT_STATE_ACTIVE)
        return pool_format(text->pool, "its deadline was %s", text_moment(text, c->deadline_ns));
    if (c->deadline_ns > now)
        return pool_format(text->pool, "deadline in %s", text_duration(text, c->deadline_ns - now));
    return pool_format(text->pool, "deadline passed %s ago", text_age(text, c->deadline_ns));
}

/* Whatever it inherited is told where it began. */
static const char *cause_words(struct text *text, const struct context_node *node)
{
    const char *cause = node->context->cause;

    if (node->inherited || (!cause && !node->passed_on))
        return "";
    return pool_format(text->pool, "%s%s%s%s", cause ? "cause: " : "", cause ? cause : "",
                       cause && node->passed_on ? ", " : "",
                       node->passed_on ? "for all below, too" : "");
}

const char *text_context_state(struct text *text, const struct context_node *node)
{
    const struct context *c = node->context;
    const char *with = "";

    if (c->state == CTT_STATE_ACTIVE)
        return pool_format(text->pool, "active for %s%s", text_age(text, c->created_ns),
                           c->flags & CTT_CONTEXT_LOST ? ", LOST: nobody can end it" : "");
    if (node->inherited)
        with = pool_format(text->pool, " with %s %u", context_kind_word(c->parent->kind),
                           c->parent->id);
    if (c->ended_ns == CTT_NEVER)
        return pool_format(text->pool, "%s%s", state_phrase(c->state), with);
    return pool_format(text->pool, "%s %s ago, after %s%s", state_phrase(c->state),
                       text_age(text, c->ended_ns),
                       text_duration(text, time_between(c->created_ns, c->ended_ns)), with);
}

const char *text_context_holds(struct text *text, const struct context_node *node)
{
    const char *list = "";

    for (const struct context_holds *h = node->holds; h; h = h->next)
        list = pool_format(text->pool, "%s%s%s%s", list, *list ? ", " : "",
                           model_is_sampled(text->report->model, h->kind) ? "~" : "",
                           text_count(text, h->count, h->kind));
    return list;
}

static int indent_of(const struct context_node *node)
{
    return 2 * (int)(node->depth < DEPTH_SHOWN ? node->depth : DEPTH_SHOWN);
}

static const char *head_words(struct text *text, const struct context_node *node)
{
    const struct context *c = node->context;

    return pool_format(
        text->pool, "%s %*s%s: %s%s", context_is_late(node) ? "!" : " ", indent_of(node), "",
        text_context_title(text, c), text_context_state(text, node),
        !c->parent && c->kind != CTT_CONTEXT_PROCESS ? " (its parent is not in the dump)" : "");
}

static const char *trace_words(struct text *text, const struct context *c)
{
    if (!c->trace_id)
        return "";
    return pool_format(text->pool, "trace %s%s%s", c->trace_id, c->span_id ? " span " : "",
                       c->span_id ? c->span_id : "");
}

static const char *value_words(struct text *text, const struct context *c)
{
    if (!c->value_key)
        return "";
    return pool_format(text->pool, "%s=%s", c->value_key, c->value ? c->value : "");
}

/* "encode x30" */
static const char *task_words(struct text *text, const struct task_unit *unit, unsigned same)
{
    const char *name = task_unit_name(unit);

    if (same == 1)
        return text_task_unit(text, unit);
    return pool_format(text->pool, "%s x%u", name ? name : "unnamed", same);
}

static bool same_name(const struct task_unit *a, const struct task_unit *b)
{
    const char *left = task_unit_name(a), *right = task_unit_name(b);

    return left && right ? strcmp(left, right) == 0 : left == right;
}

/* "tasks: reindex (tid 4719), encode x30 and 7 more". Those of one name that follow each
 * other are told together. */
static void tasks_add(struct text *text, struct text_flow *flow, const struct context_node *node)
{
    const char *before = node->tasks == node->last_task ? "task: " : "tasks: ";
    const struct task_unit *u = node->tasks;
    unsigned named = 0, more = 0;

    while (u) {
        const struct task_unit *first = u;
        unsigned same = 0;

        for (; u && same_name(first, u); u = u->next_in_context)
            same++;
        if (named++ < TASKS_NAMED || text->report->request->all)
            text_flow_add(flow, pool_format(text->pool, "%s%s%s", before,
                                            task_words(text, first, same), u ? "," : ""));
        else
            more += same;
        before = "";
    }
    if (more)
        text_flow_add(flow, pool_format(text->pool, "and %u more", more));
}

static const char *holds_words(struct text *text, const struct context_node *node)
{
    if (!node->holds)
        return "";
    return pool_format(text->pool, "%s %s%s", context_is_late(node) ? "STILL HOLDS" : "holds",
                       text_context_holds(text, node),
                       node->context->flags & CTT_CONTEXT_IGNORED ? ", as is meant to be" : "");
}

static void node_write(struct text *text, const struct context_node *node)
{
    const struct context *c = node->context;
    struct text_flow flow = {
        .text = text,
        .paint = context_is_late(node) ? PAINT_BAD
                 : c->hidden           ? PAINT_DIM
                                       : PAINT_NONE,
        .indent = DETAIL_INDENT + (unsigned)indent_of(node),
    };

    text_flow_add(&flow, head_words(text, node));
    if (!c->hidden) {
        text_flow_add(&flow, cause_words(text, node));
        text_flow_add(&flow, deadline_words(text, c));
        text_flow_add(&flow, trace_words(text, c));
        text_flow_add(&flow, value_words(text, c));
        if (c->grace_ns)
            text_flow_add(&flow,
                          pool_format(text->pool, "grace %s", text_duration(text, c->grace_ns)));
        text_flow_add(&flow, holds_words(text, node));
        tasks_add(text, &flow, node);
    }
    text_flow_end(&flow);
}

/* One line, whatever is cut off at its end. */
static void node_write_short(struct text *text, const struct context_node *node)
{
    const char *holds = holds_words(text, node), *cause = cause_words(text, node);

    text_line(text, context_is_late(node) ? PAINT_BAD : PAINT_NONE, "%s%s%s%s%s",
              head_words(text, node), *holds ? "; " : "", holds, *cause ? "; " : "", cause);
}

/* ---- the section ---- */

void text_write_contexts(struct text *text)
{
    bool all = text->report->request->all;
    struct context_tree tree = context_tree_make(text->report);
    size_t left = context_tree_pick(&tree, all ? CONTEXT_FOLDED : CONTEXT_PLAIN,
                                    all ? SIZE_MAX : CONTEXTS_TOP);
    size_t folded = 0;

    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "contexts (%zu%s%s)", tree.total, tree.late ? "; " : "",
              tree.late ? pool_format(text->pool, "!: %zu ended and still hold%s something",
                                      tree.late, tree.late == 1 ? "s" : "")
                        : "");
    for (size_t i = 0; i < tree.count; i++) {
        const struct context_node *node = tree.order[i];

        folded += !node->picked && node->rank == CONTEXT_FOLDED;
        if (!node->picked)
            continue;
        node_write(text, node);
    }
    text_write_rest(text, left, 0);
    if (folded)
        text_line(text, PAINT_DIM, "  and %zu of threads, which hold nothing (--all)", folded);
}

/* Those of the program's own; its threads' and the process are none of them. */
static size_t blamed_rank(struct context_tree *tree)
{
    size_t blamed = 0;

    for (size_t i = 0; i < tree->count; i++) {
        struct context_node *node = &tree->nodes[i];

        if (node->rank == CONTEXT_BLAMED && !context_is_own(node->context))
            node->rank = CONTEXT_IN_USE;
        blamed += node->rank == CONTEXT_BLAMED;
    }
    return blamed;
}

static bool has_declared_finding(const struct report *report)
{
    for (const struct finding *f = report->findings; f; f = f->hh.next) {
        if (f->severity != SEVERITY_NOTE && f->context && context_is_own(f->context))
            return true;
    }
    return false;
}

void text_write_blamed_contexts(struct text *text)
{
    bool all = text->report->request->all;
    struct context_tree tree;
    size_t left, blamed;

    if (!has_declared_finding(text->report))
        return;
    tree = context_tree_make(text->report);
    blamed = blamed_rank(&tree);
    left = context_tree_pick(&tree, CONTEXT_BLAMED, all ? SIZE_MAX : BLAMED_TOP);
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "contexts with findings (%zu; the whole tree: --contexts)", blamed);
    for (size_t i = 0; i < tree.count; i++) {
        if (tree.order[i]->picked)
            node_write_short(text, tree.order[i]);
    }
    if (left)
        text_line(text, PAINT_DIM, "  and %zu more (--contexts)", left);
}
