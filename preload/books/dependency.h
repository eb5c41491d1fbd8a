/* SPDX-License-Identifier: MIT */
/*
 * What depends on what, as the program says: a transaction on its connection. Giving back
 * what something still held depends on is a mishap (D8).
 *
 * An edge names two acquisitions, not two addresses: by the holdings' `live`, which no other
 * acquisition has. So an edge that outlives either of them says nothing of what comes to
 * lie there next, and nobody needs to take edges out when things are given back.
 */
#ifndef BOOKS_DEPENDENCY_H
#define BOOKS_DEPENDENCY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/holding.h"

/* Whether there ever was an edge. */
extern _Atomic bool dependencies_known;

/* `what` depends on `on`; false without room (counted). */
bool dependency_add(const struct holding_copy *what, const struct holding_copy *on);
/* `on` is given back at `stack`: notes each that is still held and depends on it. */
void dependency_check(const struct holding_copy *on, uint32_t stack);

/* Any holding but memory, by kind and handle. For a descriptor any kind of one will do. */
bool holding_find(uint32_t kind, uint64_t handle, struct holding_copy *ret_copy);
bool kind_is_of_descriptor(uint32_t kind);

#endif
