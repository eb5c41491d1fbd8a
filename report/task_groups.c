/* SPDX-License-Identifier: MIT */
/*
 * Tasks that a person need not tell apart. See task_units.h.
 */
#include "task_units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    const char *key;
    size_t group;
    UT_hash_handle hh;
};

/* "futex 0x7f00": the address tells no way to wait apart from another. */
static int kind_length(const char *wait)
{
    return (int)strcspn(wait, " ");
}

static const char *key_of(const struct report *report, const struct task_unit *unit,
                          const struct task_doing *doing)
{
    const struct task *task = task_unit_main(unit);
    const struct context *context = task_unit_context(unit);
    const char *label = context_label(context), *wait = doing->wait ? doing->wait : "";
    uint32_t sort =
        task->flags & (CTT_TASK_MAIN | CTT_TASK_UNTRACKED | CTT_TASK_HIDDEN | CTT_TASK_DECLARED);

    return pool_format(report->model->pool, "%u/%u/%d/%s/%.*s/%u/%u/%s", sort,
                       task->created_stack ? task->created_stack->id : 0, unit->thread != NULL,
                       doing->state, doing->says_so ? (int)strlen(wait) : kind_length(wait), wait,
                       context ? context->kind : 0, context ? context->state : 0,
                       label ? label : "");
}

static void group_add(struct task_group *group, struct task_unit *unit,
                      const struct task_doing *doing, uint64_t first_object)
{
    if (group->last)
        group->last->next_in_group = unit;
    else
        group->first = unit;
    group->last = unit;
    group->count++;
    group->same_object &= doing->object == first_object;
    if (doing->for_ns == CTT_NEVER)
        return;
    if (group->longest_ns == CTT_NEVER || doing->for_ns > group->longest_ns)
        group->longest_ns = doing->for_ns;
    if (doing->for_ns < group->shortest_ns)
        group->shortest_ns = doing->for_ns;
}

/* Larger first; of the same size in the dump's order, whatever qsort does. */
static int group_order(const void *a, const void *b)
{
    const struct task_group *left = a, *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return (left->first > right->first) - (left->first < right->first);
}

struct task_groups task_groups_make(const struct report *report, struct task_units *units)
{
    struct pool *pool = report->model->pool;
    struct task_groups groups = {
        .items = pool_alloc(pool, (units->count + 1) * sizeof(*groups.items)),
    };
    struct slot *slots = NULL, *slot;

    for (size_t i = 0; i < units->count; i++) {
        struct task_unit *unit = &units->items[i];
        struct task_doing doing = task_unit_doing(report, unit), of_first;
        const char *key = key_of(report, unit, &doing);

        unit->next_in_group = NULL;
        HASH_FIND_STR(slots, key, slot);
        if (!slot) {
            slot = pool_alloc(pool, sizeof(*slot));
            slot->key = key;
            slot->group = groups.count;
            HASH_ADD_KEYPTR(hh, slots, slot->key, strlen(slot->key), slot);
            groups.items[groups.count++] = (struct task_group){.first = unit,
                                                               .shortest_ns = CTT_NEVER,
                                                               .longest_ns = CTT_NEVER,
                                                               .same_object = true};
        }
        of_first = task_unit_doing(report, groups.items[slot->group].first);
        group_add(&groups.items[slot->group], unit, &doing, of_first.object);
    }
    HASH_CLEAR(hh, slots);
    if (groups.count)
        qsort(groups.items, groups.count, sizeof(*groups.items), group_order);
    return groups;
}

/* How many bytes of both are the same, and no part of a character. */
static size_t common_length(const char *a, const char *b, size_t most)
{
    size_t same = 0;

    while (same < most && a[same] == b[same])
        same++;
    while (same && ((unsigned char)a[same] & 0xc0) == 0x80)
        same--;
    return same;
}

const char *task_group_name(struct pool *pool, const struct task_group *group)
{
    const char *name = task_unit_name(group->first);
    size_t common = name ? strlen(name) : 0;
    bool same = true;

    for (const struct task_unit *u = group->first->next_in_group; u; u = u->next_in_group) {
        const char *other = task_unit_name(u);

        if (!name || !other)
            return NULL;
        same &= strcmp(name, other) == 0;
        common = common_length(name, other, common);
    }
    if (same)
        return name;
    return pool_format(pool, "%.*s*", (int)common, name);
}
