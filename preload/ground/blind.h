/* SPDX-License-Identifier: MIT */
/*
 * What the tracker knows that it cannot see: noted by whoever finds out (no
 * memory when another allocator is bound first, the folder that was not
 * usable), told in every dump. A note without a kind does not make the report
 * "degraded".
 */
#ifndef GROUND_BLIND_H
#define GROUND_BLIND_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"

#define BLIND_MAX 16u

/* `kind` 0: a remark on the whole. `note` must live for ever. The same note is
 * kept once; beyond BLIND_MAX they are dropped. */
void health_blind(enum ctt_kind_id kind, const char *note);
/* Note i; false past the end. */
bool health_blind_read(uint32_t i, enum ctt_kind_id *ret_kind, const char **ret_note);

#endif
