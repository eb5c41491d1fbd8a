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

/* Whether there is anything to tell how sure it is. */
static bool is_sampled(const struct text *text)
{
    return model_is_sampled(text->report->model, CTT_KIND_MEMORY);
}

/* "~1240 +-8%" in a sampled dump, where what is exact leaves the error's place empty. */
static const char *measure_text(struct text *text, const struct live_row *row, const char *measure,
                                unsigned percent, int width)
{
    if (!is_sampled(text))
        return pool_format(text->pool, "%*s", width, measure);
    if (!row->estimate.sampled)
        return pool_format(text->pool, "%*s %6s", width, measure, "");
    return pool_format(text->pool, "%*s +-%3u%%", width, pool_format(text->pool, "~%s", measure),
                       percent);
}

static void rows_write(struct text *text, const struct live *live, const struct live *before,
                       size_t limit)
{
    const char *error = is_sampled(text) ? "  error" : "";

    text_line(text, PAINT_DIM, "  %-8s %8s%s %9s %9s %10s%s %8s%s  %s", "kind", "live", error,
              "acquired", "released", "size", error, "oldest",
              text->report->request->previous ? "   change" : "", "acquired at");
    for (size_t i = 0; i < limit; i++) {
        const struct live_row *row = &live->rows[i];
        const struct site *site = row->site;

        text_line(text, PAINT_NONE, "  %s %s %9s %9s %s %8s%s  %s",
                  text_cell(text, model_kind_name(text->report->model, row->kind), 8),
                  measure_text(text, row, pool_format(text->pool, "%" PRIu64, row->count),
                               estimate_count_percent(&row->estimate), 8),
                  number_text(text, site, site ? site->acquired : 0),
                  number_text(text, site, site ? site->released : 0),
                  measure_text(text, row, text_bytes(text, row->bytes),
                               estimate_bytes_percent(&row->estimate), 10),
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

/* All of it in one line, and what the columns of its rows do not say. */
static void sampled_write(struct text *text)
{
    struct kind_total totals[KIND_TOTALS_MAX];
    size_t count = kind_totals_make(text->report, totals);

    for (size_t i = 0; i < count; i++) {
        if (totals[i].live && model_is_sampled(text->report->model, totals[i].kind))
            text_line(text, PAINT_NONE, "  %s; acquired and released are of those",
                      text_estimate(text, &totals[i].estimate));
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
    sampled_write(text);
    if (text->report->model->limits) {
        text_line(text, PAINT_NONE, "%s", "");
        text_line(text, PAINT_BOLD, "limits");
        limits_write(text);
    }
    live_drop(&live);
    live_drop(&before);
}
