/* SPDX-License-Identifier: MIT */
/*
 * What the kernel shows although no hook saw it.
 */
#include "text_parts.h"

#include <inttypes.h>

enum { UNTRACKED_TOP = 10 };

void text_write_untracked(struct text *text)
{
    struct model *model = text->report->model;
    const struct holding *h;
    size_t total = 0, limit, shown = 0;

    DL_FOREACH (model->holdings, h)
        total += (h->flags & CTT_HOLDING_UNTRACKED) && !h->hidden;
    if (!total)
        return;
    limit = text_top(text, total, UNTRACKED_TOP);
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "untracked (%zu; the kernel shows them, no hook saw them)", total);
    DL_FOREACH (model->holdings, h) {
        if (!(h->flags & CTT_HOLDING_UNTRACKED) || h->hidden)
            continue;
        if (shown++ == limit)
            break;
        text_line(text, PAINT_NONE, "  %s %" PRIu64 "  %s",
                  text_cell(text, model_kind_name(model, h->kind), 8), h->handle,
                  h->name ? h->name : "");
    }
    text_write_rest(text, total, limit);
}
