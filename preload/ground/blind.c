/* SPDX-License-Identifier: MIT */
#include "preload/ground/blind.h"

#include <stdatomic.h>
#include <stddef.h>

static struct blind {
    _Atomic(const char *) note;
    _Atomic uint32_t kind;
} blinds[BLIND_MAX];

void health_blind(enum ctt_kind_id kind, const char *note)
{
    for (uint32_t i = 0; i < BLIND_MAX; i++) {
        const char *there = NULL;
        if (atomic_compare_exchange_strong(&blinds[i].note, &there, note)) {
            atomic_store(&blinds[i].kind, kind);
            return;
        }
        if (there == note && atomic_load(&blinds[i].kind) == (uint32_t)kind)
            return;
    }
}

bool health_blind_read(uint32_t i, enum ctt_kind_id *ret_kind, const char **ret_note)
{
    const char *note = i < BLIND_MAX ? atomic_load(&blinds[i].note) : NULL;
    if (!note)
        return false;
    *ret_note = note;
    *ret_kind = (enum ctt_kind_id)atomic_load(&blinds[i].kind);
    return true;
}
