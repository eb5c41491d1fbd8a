/* SPDX-License-Identifier: MIT */
/*
 * The stacks that the lists have named. See json_lists.h.
 */
#include "json_lists.h"

#include <stdio.h>

static void frame_write(struct json *json, const struct frame *frame)
{
    json_open(json, NULL, '{');
    json_text(json, "function", frame->function);
    json_text(json, "file", frame->file);
    if (frame->line)
        json_number(json, "line", frame->line);
    else
        json_null(json, "line");
    json_bool(json, "inlined", frame->inlined);
    json_text(json, "module", frame->module ? frame->module->path : NULL);
    json_text(json, "build_id", frame->module ? frame->module->build_id : NULL);
    json_address(json, "offset", frame->address);
    json_bool(json, "in_project", frame->module && frame->module->in_project);
    json_close(json, '}');
}

void json_write_stacks(struct json *json, const struct report *report)
{
    json_open(json, "stacks", '{');
    for (struct stack *s = report->model->stacks; s; s = s->hh.next) {
        const struct frame *frames;
        char id[16];
        size_t count;

        if (!s->shown)
            continue;
        frames = model_frames(report->model, s, &count);
        snprintf(id, sizeof(id), "%u", s->id);
        json_open(json, id, '[');
        for (size_t i = 0; i < count; i++)
            frame_write(json, &frames[i]);
        json_close(json, ']');
    }
    json_close(json, '}');
}
