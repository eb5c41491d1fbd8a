/* SPDX-License-Identifier: MIT */
/*
 * The contexts of a dump as a tree: what each still holds, which tasks are in it, and the way
 * that a cancel took. Text, JSON and the graphs are drawn from it.
 */
#ifndef REPORT_CONTEXT_TREE_H
#define REPORT_CONTEXT_TREE_H

#include "live.h"
#include "task_units.h"

/* What a node is shown for. The higher ones come first where there is no room for all. */
enum context_rank {
    CONTEXT_LEFT_OUT, /* by --trace */
    CONTEXT_FOLDED,   /* a thread's, and holds nothing */
    CONTEXT_PLAIN,
    CONTEXT_IN_USE, /* holds something, or a task is in it */
    CONTEXT_LATE,   /* has ended, and still holds something */
    CONTEXT_BLAMED, /* there is a finding of it */
};

struct context_holds {
    uint32_t kind;
    uint64_t count;
    struct context_holds *next; /* of a higher kind */
};

struct context_node {
    struct context *context;
    struct context_node *parent, *first_child, *last_child, *next; /* by time of creation */
    unsigned depth;
    enum context_rank rank;
    struct context_holds *holds;
    struct task_unit *tasks, *last_task;
    unsigned findings; /* errors and warnings */
    bool inherited;    /* it ended because its parent did */
    bool passed_on;    /* and so did one below it */
    bool picked;
};

struct context_tree {
    struct context_node *nodes;  /* by time of creation */
    struct context_node **order; /* from the outside in, children after their parent */
    size_t count;
    size_t total;  /* without those that --trace leaves out */
    size_t folded; /* of them */
    size_t late;
    size_t picked;
    struct task_units units;
};

/* In the model's pool. Marks each context with its node. */
struct context_tree context_tree_make(const struct report *report);

/* Picks those of `lowest` rank or more, and all around them, up to `limit` nodes in all.
 * Returns how many of such a rank there was no room for. */
size_t context_tree_pick(struct context_tree *tree, enum context_rank lowest, size_t limit);

/* Whether there is anything of the program's own in the dump. */
bool context_is_own(const struct context *context);

/* It began a cancel (or met a deadline) that others had to follow. */
static inline bool context_is_origin(const struct context_node *node)
{
    return node->passed_on && !node->inherited;
}

/* Has ended and holds what it should not. */
static inline bool context_is_late(const struct context_node *node)
{
    return node->holds && node->context->state != CTT_STATE_ACTIVE &&
           node->context->kind != CTT_CONTEXT_PROCESS &&
           !(node->context->flags & CTT_CONTEXT_IGNORED);
}

#endif
