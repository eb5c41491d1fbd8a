/* SPDX-License-Identifier: MIT */
/*
 * What rows refer to by number: stacks, contexts, tasks. Told when somebody names them.
 */
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "recovery.h"

#define FRAMES_MAX 1024u
#define DEPTH_MOST 4096u
#define NODES_MOST (1u << 24)

void recovery_note_time(struct recovery *recovery, uint64_t ns)
{
    if (ns != CTT_NEVER && ns > recovery->last_ns)
        recovery->last_ns = ns;
}

void recovery_take_node(uint32_t index, const void *row, void *arg)
{
    const struct state_node *node = row;
    struct recovery *recovery = arg;

    if (index >= NODES_MOST)
        return;
    if (index >= recovery->node_count) {
        uint32_t count = recovery->node_count ? recovery->node_count : 4096;

        while (count <= index)
            count *= 2;
        recovery->nodes = xrealloc(recovery->nodes, count, sizeof(*recovery->nodes));
        memset(recovery->nodes + recovery->node_count, 0,
               (count - recovery->node_count) * sizeof(*recovery->nodes));
        recovery->node_count = count;
    }
    recovery->nodes[index] = (struct node){.pc = node->pc, .parent = node->parent};
}

void recovery_take_context(uint32_t index, const void *row, void *arg)
{
    struct recovery *recovery = arg;
    struct context *context = xalloc(sizeof(*context)), *before;

    (void)index;
    *context = (struct context){.row = *(const struct state_context *)row};
    context->id = context->row.live;
    recovery_note_time(recovery, context->row.created_ns);
    recovery_note_time(recovery, context->row.ended_ns);
    HASH_REPLACE(hh, recovery->contexts, id, sizeof(context->id), context, before);
    free(before);
}

void recovery_take_task(uint32_t index, const void *row, void *arg)
{
    struct recovery *recovery = arg;
    struct task *task = xalloc(sizeof(*task)), *before;

    (void)index;
    *task = (struct task){.row = *(const struct state_task *)row};
    task->id = task->row.live;
    recovery_note_time(recovery, task->row.created_ns);
    recovery_note_time(recovery, task->row.ended_ns);
    HASH_REPLACE(hh, recovery->tasks, id, sizeof(task->id), task, before);
    free(before);
}

struct context *recovery_context(const struct recovery *recovery, uint32_t id)
{
    struct context *context;

    HASH_FIND(hh, recovery->contexts, &id, sizeof(id), context);
    return context;
}

struct task *recovery_task(const struct recovery *recovery, uint32_t id)
{
    struct task *task;

    HASH_FIND(hh, recovery->tasks, &id, sizeof(id), task);
    return task;
}

/* Returns its id; 0 when there is no such context. */
uint32_t recovery_name_context(struct recovery *recovery, uint32_t id)
{
    struct context *context = recovery_context(recovery, id);

    if (!context)
        return 0;
    for (; context && !context->is_named; context = recovery_context(recovery, context->row.parent))
        context->is_named = true;
    return id;
}

/* ---- stacks ---- */

/* A parent was there before its child: its number is smaller. */
static uint32_t frames_collect(const struct recovery *recovery, uint32_t id, uint64_t *pcs,
                               enum ctt_cut *ret_cut)
{
    uint32_t count = 0, steps = 0;

    while (id >= STATE_NODE_FIRST) {
        const struct node *node = id < recovery->node_count ? &recovery->nodes[id] : NULL;

        if (!node || !node->parent || node->parent >= id || ++steps > DEPTH_MOST)
            return 0;
        if (count < FRAMES_MAX)
            pcs[count++] = node->pc;
        id = node->parent;
    }
    *ret_cut = id >= STATE_ROOT_FIRST ? (enum ctt_cut)(id - STATE_ROOT_FIRST) : CTT_CUT_NONE;
    return count;
}

/* Returns the stack's id, told now if it was not; 0 for one that is none. */
uint32_t recovery_tell_stack(struct recovery *recovery, uint32_t id, uint64_t live)
{
    static uint64_t pcs[FRAMES_MAX];
    enum ctt_cut cut = CTT_CUT_NONE;
    struct ctt_stack stack = {.id = id};

    if (id >= recovery->node_count || (id < STATE_NODE_FIRST && id != STATE_STACK_OVERFLOW))
        return 0;
    recovery->nodes[id].live += live;
    if (recovery->nodes[id].is_told)
        return id;
    stack.frames = frames_collect(recovery, id, pcs, &cut);
    if (!stack.frames && id != STATE_STACK_OVERFLOW)
        return 0;
    stack.cut = (uint16_t)cut;
    stack.flags |= cut != CTT_CUT_NONE ? CTT_STACK_CUT : 0;
    stack.flags |= stack.frames && (pcs[0] & CTT_PC_EXACT) ? CTT_STACK_LEAF_ENTRY : 0;
    stack.flags |= id == STATE_STACK_OVERFLOW ? CTT_STACK_OVERFLOW : 0;
    dump_bytes_record_with(&recovery->dump, CTT_STACK, &stack, sizeof(stack), pcs,
                           stack.frames * sizeof(pcs[0]));
    recovery->nodes[id].is_told = true;
    return id;
}

void recovery_free(struct recovery *recovery)
{
    struct context *context, *next_context;
    struct task *task, *next_task;
    struct group *group, *next_group;

    HASH_ITER(hh, recovery->contexts, context, next_context)
    {
        HASH_DEL(recovery->contexts, context);
        free(context);
    }
    HASH_ITER(hh, recovery->tasks, task, next_task)
    {
        HASH_DEL(recovery->tasks, task);
        free(task);
    }
    HASH_ITER(hh, recovery->groups, group, next_group)
    {
        HASH_DEL(recovery->groups, group);
        free(group);
    }
    free(recovery->nodes);
}
