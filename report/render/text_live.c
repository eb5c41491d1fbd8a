/* SPDX-License-Identifier: MIT */
/*
 * The held-now table of a live snapshot: what a person needs when the program
 * declared no contexts. It claims no leak.
 */
#include "text_parts.h"

#include <inttypes.h>
#include <string.h>

#include "../live.h"

enum { LIVE_TOP = 20 };

/* The same stack and kind in the dump before, of the same process: there an
 * id means the same stack for ever. */
static uint64_t count_before(const struct live *before, const struct live_row *row)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct live_row *old = &before->rows[i];
        uint32_t old_id = old->stack ? old->stack->id : 0;

        if (old->kind == row->kind && old_id == (row->stack ? row->stack->id : 0))
            return old->count;
    }
    return 0;
}

static const char *change_text(struct text *text, const struct live *before,
                               const struct live_row *row)
{
    uint64_t old;

    if (!text->report->request->previous)
        return "";
    old = count_before(before, row);
    if (old == row->count)
        return "        =";
    return pool_format(text->pool, "%+9" PRId64, (int64_t)(row->count - old));
}

static const char *number_text(struct text *text, const struct site *site, uint64_t number)
{
    return site ? pool_format(text->pool, "%" PRIu64, number) : "-";
}

static void rows_write(struct text *text, const struct live *live, const struct live *before,
                       size_t limit)
{
    text_line(text, PAINT_DIM, "  %-8s %8s %9s %9s %10s %8s%s  %s", "kind", "live", "acquired",
              "released", "size", "oldest", text->report->request->previous ? "   change" : "",
              "acquired at");
    for (size_t i = 0; i < limit; i++) {
        const struct live_row *row = &live->rows[i];
        const struct site *site = row->site;

        text_line(text, PAINT_NONE, "  %s %8" PRIu64 " %9s %9s %10s %8s%s  %s",
                  text_cell(text, model_kind_name(text->report->model, row->kind), 8), row->count,
                  number_text(text, site, site ? site->acquired : 0),
                  number_text(text, site, site ? site->released : 0), text_bytes(text, row->bytes),
                  text_age(text, row->oldest_ns), change_text(text, before, row),
                  text_where(text, text->report->model, row->stack));
    }
    text_write_rest(text, live->count, limit);
}

static void limits_write(struct text *text)
{
    const struct limit *l;

    DL_FOREACH (text->report->model->limits, l) {
        bool bytes = l->unit && strcmp(l->unit, "bytes") == 0;
        const char *used, *soft = "unlimited", *share = "";

        if (!l->name || l->used == CTT_NEVER)
            continue;
        used = bytes ? text_bytes(text, l->used) : pool_format(text->pool, "%" PRIu64, l->used);
        if (l->soft != CTT_NEVER)
            soft = bytes ? text_bytes(text, l->soft) : pool_format(text->pool, "%" PRIu64, l->soft);
        if (l->soft != CTT_NEVER && l->soft)
            share =
                pool_format(text->pool, "  (%.0f%%)", 100.0 * (double)l->used / (double)l->soft);
        text_line(text, PAINT_NONE, "  %s %10s of %s%s", text_cell(text, l->name, 11), used, soft,
                  share);
    }
}

void text_write_held_now(struct text *text)
{
    const struct report *previous = text->report->request->previous;
    struct live live = live_make(text->report, false), before = {0};
    size_t limit = text_top(text, live.count, LIVE_TOP);

    if (previous)
        before = live_make(previous, false);
    text_line(text, PAINT_NONE, "%s", "");
    text_line(text, PAINT_BOLD, "held now, by count%s%s%s", live.count ? "" : ": nothing",
              live.count > limit
                  ? pool_format(text->pool, " (top %zu of %zu stacks)", limit, live.count)
                  : "",
              text->report->request->since_mark ? ", acquired since the mark" : "");
    if (live.count)
        rows_write(text, &live, &before, limit);
    /* All of it in one table needs no second order. */
    if (live.count > limit) {
        live_sort_by_bytes(&live);
        text_line(text, PAINT_NONE, "%s", "");
        text_line(text, PAINT_BOLD, "held now, by size (top %zu of %zu stacks)", limit, live.count);
        rows_write(text, &live, &before, limit);
    }
    if (text->report->model->limits) {
        text_line(text, PAINT_NONE, "%s", "");
        text_line(text, PAINT_BOLD, "limits");
        limits_write(text);
    }
    live_drop(&live);
    live_drop(&before);
}
