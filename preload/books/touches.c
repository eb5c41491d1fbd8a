/* SPDX-License-Identifier: MIT */
#include "preload/books/touches.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "preload/facts/context_note.h"
#include "preload/ground/health.h"

#define ROWS  2048u
#define TRIES 16u

/* Of a holding that is not there any more nobody asks: its row is anybody's who finds no
 * other. Rows are by a hash of the number. */
static struct touches {
    _Atomic uint32_t live;
    _Atomic uint32_t count;
    char first[TOUCHES_KEPT][TOUCH_HINT_BYTES];
    char last[TOUCHES_KEPT][TOUCH_HINT_BYTES]; /* a ring */
} rows[ROWS];

static struct touches *row_at(uint32_t live, uint32_t i)
{
    return &rows[(live * 2654435761u + i) % ROWS];
}

static struct touches *row_of(uint32_t live)
{
    for (uint32_t i = 0; i < TRIES; i++)
        if (atomic_load(&row_at(live, i)->live) == live)
            return row_at(live, i);
    return NULL;
}

/* The oldest of those that it may have: numbers grow. */
static struct touches *row_take(uint32_t live)
{
    struct touches *oldest = row_at(live, 0);
    for (uint32_t i = 1; i < TRIES; i++)
        if (atomic_load(&row_at(live, i)->live) < atomic_load(&oldest->live))
            oldest = row_at(live, i);
    uint32_t was = atomic_load(&oldest->live);
    if (was)
        HEALTH(touches_replaced);
    if (!atomic_compare_exchange_strong(&oldest->live, &was, live))
        return NULL;
    atomic_store(&oldest->count, 0);
    return oldest;
}

void touch_note(const struct holding_copy *holding, const char *hint)
{
    struct touches *row = row_of(holding->live);
    if (!row)
        row = row_take(holding->live);
    if (!row)
        return;
    uint32_t number = atomic_fetch_add(&row->count, 1);
    note_text(number < TOUCHES_KEPT ? row->first[number] : row->last[number % TOUCHES_KEPT],
              TOUCH_HINT_BYTES, hint);
}

static void hint_tell(struct text *text, const char *hint, bool is_first)
{
    if (!is_first)
        text_add(text, " > ");
    text_add(text, hint);
}

void touches_tell(uint32_t live, struct text *text)
{
    const struct touches *row = live ? row_of(live) : NULL;
    uint32_t count = row ? atomic_load(&row->count) : 0;
    for (uint32_t i = 0; i < count && i < TOUCHES_KEPT; i++)
        hint_tell(text, row->first[i], i == 0);
    if (count > 2 * TOUCHES_KEPT) {
        text_add(text, " > ... ");
        text_add_u64(text, count - 2 * TOUCHES_KEPT);
        text_add(text, " more ...");
    }
    uint32_t from = count > 2 * TOUCHES_KEPT ? count - TOUCHES_KEPT : TOUCHES_KEPT;
    for (uint32_t i = from; i < count; i++)
        hint_tell(text, row->last[i % TOUCHES_KEPT], false);
}
