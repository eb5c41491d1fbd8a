/* SPDX-License-Identifier: MIT */
#include "preload/books/own_kinds.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "preload/facts/context_note.h"
#include "preload/facts/kinds.h"
#include "preload/ground/health.h"
#include "preload/ground/mirror.h"

/* A row is claimed, then filled, then seen: whoever is in a hurry takes the row after it, so
 * that one name may have two numbers, and nobody waits (a handler may have interrupted). */
static struct own_kind {
    _Atomic uint32_t state;
    char name[OWN_KIND_NAME_BYTES];
} rows[CTT_KIND_OWN_COUNT];
enum { FREE, CLAIMED, FILLED };

/* As far as names are kept. */
static bool is_named(const struct own_kind *row, const char *name)
{
    return atomic_load_explicit(&row->state, memory_order_acquire) == FILLED &&
           strncmp(row->name, name, OWN_KIND_NAME_BYTES - 1) == 0;
}

static void row_mirror(const struct own_kind *row)
{
    struct state_detail *to = mirror_open(STATE_OWN_KIND, (uint32_t)(row - rows));
    if (!to)
        return;
    mirror_text(to->text, sizeof to->text, row->name);
    mirror_close(to, 1);
}

void own_kinds_mirror(void)
{
    for (uint32_t i = 0; i < CTT_KIND_OWN_COUNT; i++)
        if (atomic_load(&rows[i].state) == FILLED)
            row_mirror(&rows[i]);
}

static bool row_claim(struct own_kind *row, const char *name)
{
    uint32_t expected = FREE;
    if (!atomic_compare_exchange_strong(&row->state, &expected, CLAIMED))
        return false;
    note_text(row->name, OWN_KIND_NAME_BYTES, name);
    atomic_store_explicit(&row->state, FILLED, memory_order_release);
    if (mirror_is_on())
        row_mirror(row);
    return true;
}

/* A kind of the tracker's: two of one name could not be told apart. */
static bool is_taken(const char *name)
{
    for (size_t i = 0; kind_rows[i].name; i++)
        if (strcmp(name, kind_rows[i].name) == 0)
            return true;
    return false;
}

uint32_t own_kind(const char *name)
{
    if (!name || !*name || is_taken(name))
        return 0;
    for (uint32_t i = 0; i < CTT_KIND_OWN_COUNT; i++)
        if (is_named(&rows[i], name) || row_claim(&rows[i], name))
            return CTT_KIND_OWN_FIRST + i;
    HEALTH(own_kinds_dropped);
    return 0;
}

uint32_t own_kinds(void)
{
    uint32_t count = 0;
    while (count < CTT_KIND_OWN_COUNT && atomic_load(&rows[count].state) != FREE)
        count++;
    return count;
}

const char *own_kind_name(uint32_t number)
{
    uint32_t i = number - CTT_KIND_OWN_FIRST;
    bool is_one = i < CTT_KIND_OWN_COUNT && atomic_load(&rows[i].state) == FILLED;
    return is_one ? rows[i].name : NULL;
}
