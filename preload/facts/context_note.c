/* SPDX-License-Identifier: MIT */
#include "preload/facts/context_note.h"

#include <stddef.h>
#include <string.h>

#include "preload/facts/context.h"
#include "preload/ground/arena.h"
#include "preload/ground/health.h"

#define CHUNK_BITS 10u
#define CHUNK      (1u << CHUNK_BITS)

static _Atomic(struct context_note *) chunks[CONTEXT_SLOTS / CHUNK];

static struct context_note *place_of(uint32_t slot)
{
    struct context_note *chunk =
        atomic_load_explicit(&chunks[slot >> CHUNK_BITS], memory_order_acquire);
    return chunk ? &chunk[slot & (CHUNK - 1)] : NULL;
}

struct context_note *note_new(uint32_t id)
{
    uint32_t slot = CONTEXT_SLOT(id);
    if (!place_of(slot)) {
        struct context_note *none = NULL, *fresh = arena_map(CHUNK * sizeof *fresh);
        if (!fresh) {
            HEALTH(notes_dropped);
            return NULL;
        }
        atomic_compare_exchange_strong(&chunks[slot >> CHUNK_BITS], &none, fresh);
    }
    struct context_note *note = place_of(slot);
    atomic_store(&note->id, CONTEXT_NONE);
    atomic_store(&note->deadline_ns, CTT_NEVER);
    atomic_store(&note->grace_ns, 0);
    note->name[0] = note->cause[0] = note->trace_id[0] = note->span_id[0] = '\0';
    note->value_key[0] = note->value[0] = '\0';
    atomic_store(&note->id, id);
    return note;
}

struct context_note *note_of(uint32_t id)
{
    struct context_note *note = id ? place_of(CONTEXT_SLOT(id)) : NULL;
    return note && atomic_load(&note->id) == id ? note : NULL;
}

/* The last byte is never written: whoever reads beside a writer finds an end. */
void note_text(char *to, uint32_t bytes, const char *text)
{
    uint32_t length = 0;
    while (text && length < bytes - 1 && text[length])
        length++;
    memcpy(to, text ? text : "", length);
    to[length] = '\0';
}
