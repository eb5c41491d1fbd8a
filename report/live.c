/* SPDX-License-Identifier: MIT */
/*
 * See live.h.
 */
#include "live.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detectors/detector.h"
#include "fingerprint.h"

struct live_key {
    uint32_t kind, stack, context, padding;
};

struct live_slot {
    struct live_key key;
    size_t row;
    UT_hash_handle hh;
};

static int row_order_by_count(const void *a, const void *b)
{
    const struct live_row *left = a, *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    /* First acquired first: the same order on every run. */
    return (left->oldest_ns > right->oldest_ns) - (left->oldest_ns < right->oldest_ns);
}

static int row_order_by_bytes(const void *a, const void *b)
{
    const struct live_row *left = a, *right = b;

    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    return row_order_by_count(a, b);
}

static void live_sort(struct live *live, int (*order)(const void *, const void *))
{
    if (live->count)
        qsort(live->rows, live->count, sizeof(*live->rows), order);
}

void live_sort_by_bytes(struct live *live)
{
    live_sort(live, row_order_by_bytes);
}

static struct live_row *live_row_add(struct live *live, size_t *capacity)
{
    if (live->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        live->rows = xrealloc(live->rows, *capacity, sizeof(*live->rows));
    }
    return &live->rows[live->count++];
}

static void row_add_holding(struct live_row *row, const struct holding *holding)
{
    unsigned reach = reach_number(holding->flags);

    estimate_add(&row->estimate, &holding->estimate);
    row->count = estimate_count(&row->estimate);
    row->bytes = estimate_bytes(&row->estimate);
    if (holding->oldest_ns < row->oldest_ns)
        row->oldest_ns = holding->oldest_ns;
    if (reach < REACH_WORDS) {
        row->reach[reach].count += holding->count;
        row->reach[reach].bytes += holding->bytes;
        row->reach[reach].in_rings += holding->flags & CTT_HOLDING_RING ? holding->count : 0;
        row->reach[reach].parts += holding->parts;
        row->reach[reach].parts_bytes += holding->parts_bytes;
    }
}

struct live live_make(const struct report *report, bool by_context)
{
    struct live live = {0};
    struct live_slot *slots = NULL, *slot;
    struct holding *holding;
    size_t capacity = 0;

    DL_FOREACH (report->model->holdings, holding) {
        struct live_key key = {.kind = holding->kind};

        if (holding->hidden || !holding_is_own(holding))
            continue;
        key.stack = holding->stack ? holding->stack->id : 0;
        key.context = by_context && holding->context ? holding->context->id : 0;
        HASH_FIND(hh, slots, &key, sizeof(key), slot);
        if (!slot) {
            slot = pool_alloc(report->model->pool, sizeof(*slot));
            slot->key = key;
            slot->row = live.count;
            HASH_ADD(hh, slots, key, sizeof(slot->key), slot);
            *live_row_add(&live, &capacity) = (struct live_row){
                .kind = holding->kind,
                .stack = holding->stack,
                .context = by_context ? holding->context : NULL,
                .oldest_ns = CTT_NEVER,
                .site = model_site(report->model, holding->stack, holding->kind),
            };
        }
        row_add_holding(&live.rows[slot->row], holding);
    }
    HASH_CLEAR(hh, slots);
    live_sort(&live, row_order_by_count);
    return live;
}

void live_drop(struct live *live)
{
    free(live->rows);
    *live = (struct live){0};
}

static struct kind_total *total_of(struct kind_total *by_kind, uint32_t kind)
{
    struct kind_total *total = &by_kind[kind_slot(kind)];

    total->kind = kind;
    return total;
}

size_t kind_totals_make(const struct report *report, struct kind_total ret_totals[KIND_TOTALS_MAX])
{
    struct kind_total by_kind[KIND_TOTALS_MAX] = {0};
    struct holding *holding;
    size_t count = 0;

    DL_FOREACH (report->model->holdings, holding) {
        struct kind_total *total;

        if (holding->hidden || !holding_is_own(holding))
            continue;
        total = total_of(by_kind, holding->kind);
        estimate_add(&total->estimate, &holding->estimate);
        total->live = estimate_count(&total->estimate);
        total->bytes = estimate_bytes(&total->estimate);
        if (holding->finding && !holding->finding->rule &&
            detector_is_of_cancel(holding->finding->detector))
            total->held_after_cancel += holding->count;
    }
    for (const struct site *s = report->model->sites; s; s = s->hh.next) {
        struct kind_total *total = total_of(by_kind, s->key.kind);

        total->has_sites = true;
        total->acquired += s->acquired;
        total->released += s->released;
    }
    for (size_t i = 0; i < KIND_TOTALS_MAX; i++) {
        if (by_kind[i].live || by_kind[i].has_sites)
            ret_totals[count++] = by_kind[i];
    }
    return count;
}

uint64_t stack_identity(struct model *model, struct stack *stack, bool by_name)
{
    XXH64_state_t hash;
    size_t count;
    const struct frame *frames = model_frames(model, stack, &count);

    XXH64_reset(&hash, 0);
    for (size_t i = 0; i < count; i++) {
        const struct frame *frame = &frames[i];
        const char *base = frame->module ? frame->module->base : "?";

        XXH64_update(&hash, base, strlen(base) + 1);
        if (by_name && frame->function)
            XXH64_update(&hash, frame->function, function_stem(frame->function));
        else
            XXH64_update(&hash, &frame->address, sizeof(frame->address));
    }
    return XXH64_digest(&hash);
}
