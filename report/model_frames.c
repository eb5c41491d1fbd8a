/* SPDX-License-Identifier: MIT */
/*
 * From raw pcs to source-level frames.
 *
 * A return address belongs to the call before it, which may be the last
 * instruction of its function: it is looked up as pc - 1. The exceptions are
 * marked in the dump (format.h: CTT_PC_EXACT, CTT_STACK_LEAF_ENTRY).
 */
#include "model.h"

#include <string.h>

void model_symbolize(struct model *model, const struct symbolizer_options *options)
{
    struct module *module;

    model->symbolizer = symbolizer_new(options);
    if (!model->symbolizer)
        memory_exhausted();
    for (module = model->modules; module; module = module->hh.next) {
        if (module->path)
            module->number =
                symbolizer_add_module(model->symbolizer, module->path, module->build_id);
    }
}

static struct module *module_find(const struct model *model, uint32_t id)
{
    struct module *module;

    HASH_FIND(hh, model->modules, &id, sizeof(id), module);
    return module;
}

static bool pc_is_tracker(const struct model *model, uint64_t pc)
{
    const struct module *module = module_find(model, CTT_PC_MODULE(pc));

    return module && module->flags & CTT_MODULE_TRACKER;
}

struct frame_list {
    struct frame *items;
    size_t count, capacity;
};

static struct frame *frame_add(struct frame_list *list)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = xrealloc(list->items, list->capacity, sizeof(*list->items));
    }
    return &list->items[list->count++];
}

static void frames_of_pc(struct model *model, const struct stack *stack, size_t i,
                         struct frame_list *list)
{
    uint64_t pc = CTT_PC_ADDRESS(stack->pcs[i]);
    bool exact = (stack->pcs[i] & CTT_PC_EXACT) || pc == 0 ||
                 (i == 0 && (stack->flags & CTT_STACK_LEAF_ENTRY));
    uint64_t look = exact ? pc : pc - 1;
    struct module *module = module_find(model, CTT_PC_MODULE(stack->pcs[i]));
    struct frame bare = {.module = module, .offset = pc, .address = pc};
    const struct symbol_frames *found;

    if (module) {
        module->shown = true;
        bare.address = look - module->bias;
        bare.offset = pc - module->bias;
    }
    if (!module || module->number < 0 || !model->symbolizer) {
        *frame_add(list) = bare;
        return;
    }
    found = symbolizer_look_up(model->symbolizer, module->number, bare.address);
    for (size_t k = 0; k < found->count; k++) {
        const struct symbol_frame *in = &found->items[k];
        struct frame *out = frame_add(list);

        *out = bare;
        out->function = in->function;
        out->file = in->file;
        out->line = in->line;
        out->inlined = in->inlined;
        if (in->function)
            out->offset = in->offset;
    }
}

const struct frame *model_frames(struct model *model, struct stack *stack, size_t *ret_count)
{
    struct frame_list list = {0};

    *ret_count = 0;
    if (!stack)
        return NULL;
    if (!stack->frames) {
        /* The tracker's own frames (a thread's trampoline, the program's start)
         * say nothing about the program. */
        for (size_t i = 0; i < stack->pc_count; i++)
            if (!pc_is_tracker(model, stack->pcs[i])) {
                frames_of_pc(model, stack, i, &list);
                if (i == 0 && stack->flags & CTT_STACK_LEAF_ENTRY)
                    stack->leaf_frames = list.count;
            }
        stack->frames = pool_alloc(model->pool, (list.count + 1) * sizeof(*list.items));
        if (list.count)
            memcpy(stack->frames, list.items, list.count * sizeof(*list.items));
        stack->frame_count = list.count;
        free(list.items);
    }
    *ret_count = stack->frame_count;
    return stack->frames;
}
