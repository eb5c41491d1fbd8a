/* SPDX-License-Identifier: MIT */
/*
 * Notes: a line each. Those that a detector has of one kind and one line of a program are
 * one: what a library keeps for itself since it was called there has a stack for each block.
 */
#include "text_parts.h"

#include <string.h>

#include "../detectors/detector.h"
#include "../project.h"

enum { NOTES_TOP = 20 };

struct row {
    const struct finding *first;
    const struct frame *frame; /* NULL: the stack has none that says anything */
    uint64_t held;
    size_t stacks;
};

static bool frame_is_same(const struct frame *a, const struct frame *b)
{
    return a && b && a->module == b->module && a->line == b->line && a->function && b->function &&
           strcmp(a->function, b->function) == 0;
}

static struct row *row_of(struct text *text, struct row *rows, size_t count,
                          const struct finding *f, const struct frame *frame)
{
    for (size_t i = 0; i < count && !text->report->request->all; i++) {
        if (rows[i].first->detector == f->detector && rows[i].first->kind == f->kind &&
            frame_is_same(rows[i].frame, frame))
            return &rows[i];
    }
    return &rows[count];
}

static size_t rows_make(struct text *text, struct row *rows)
{
    size_t count = 0;

    for (const struct finding *f = text->report->findings; f; f = f->hh.next) {
        const struct frame *frame = stack_best_frame(text->report->model, f->stack);
        struct row *row;

        if (f->severity != SEVERITY_NOTE)
            continue;
        row = row_of(text, rows, count, f, frame);
        if (row == &rows[count])
            rows[count++] = (struct row){.first = f, .frame = frame};
        row->held += f->count;
        row->stacks++;
    }
    return count;
}

static const char *what_text(struct text *text, const struct row *row)
{
    if (row->stacks > 1)
        return pool_format(text->pool, "at %zu stacks", row->stacks);
    return row->first->holdings ? text_holding_title(text, row->first->holdings) : "";
}

void text_write_notes(struct text *text)
{
    size_t total = text->report->notes, count, limit;
    struct row *rows;

    if (!total)
        return;
    rows = pool_alloc(text->pool, (total + 1) * sizeof(*rows));
    count = rows_make(text, rows);
    limit = text_top(text, count, NOTES_TOP);
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "notes (%zu; never counted as findings)", total);
    for (const struct row *row = rows; row < rows + limit; row++) {
        const struct frame *frame = row->frame;

        text_line(text, PAINT_NONE, "  %s %s %s %s %s",
                  text_cell(text, row->first->detector->name, 19),
                  text_cell(text, text_count(text, row->held, row->first->kind), 12),
                  text_cell(text, what_text(text, row), 32),
                  text_cell(text, frame ? text_function(text, frame) : NULL, 14),
                  frame ? text_place(text, frame, false) : "");
    }
    text_write_rest(text, count, limit);
}
