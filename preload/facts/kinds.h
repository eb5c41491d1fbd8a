/* SPDX-License-Identifier: MIT */
/* What kinds of resources there are, and what they are called: one row each. */
#ifndef FACTS_KINDS_H
#define FACTS_KINDS_H

#include <stdint.h>

#include "preload/format.h"

struct kind_row {
    enum ctt_kind_id id;
    const char *name, *unit;
};
/* The last has no name. */
extern const struct kind_row kind_rows[];

/* NULL: it is none of these (one of the program's own: books/own_kinds.h). */
const char *kind_name(uint32_t kind);

#endif
