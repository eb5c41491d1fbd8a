/* SPDX-License-Identifier: MIT */
/*
 * See made_once.h.
 */
#include "made_once.h"

#include <string.h>

#include "../project.h"

/* pthread_once leaves the work to a function of its own, std::call_once and call_once to it. */
static bool frame_is_once(const struct frame *frame)
{
    return frame->function && frame->module && (frame->module->flags & CTT_MODULE_LIBC) &&
           strstr(frame->function, "pthread_once");
}

static bool stack_is_once(struct model *model, struct stack *stack)
{
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    for (size_t i = 0; i < count; i++) {
        if (frame_is_once(&frames[i]))
            return true;
    }
    return false;
}

bool holding_is_made_once(struct model *model, const struct holding *holding)
{
    return (holding->kind == CTT_KIND_KEY && !stack_is_of_project(model, holding->stack)) ||
           stack_is_once(model, holding->stack);
}
