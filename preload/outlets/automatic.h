/* SPDX-License-Identifier: MIT */
/*
 * Snapshots that nobody asked for: the option auto= (option_conditions.h).
 *
 * No thread waits for a condition to come true. Hooks that are not on malloc's
 * path offer an occasion, of which one a second is taken, and whatever needs the
 * kernel's answer is then asked by a reporter's task, which has descriptors of its
 * own. A condition that was met is met again only at twice the amount (every: when
 * its time has passed once more), so that a slow leak gives a few snapshots to
 * compare and not one each second.
 */
#ifndef OUTLETS_AUTOMATIC_H
#define OUTLETS_AUTOMATIC_H

#include <stdbool.h>

#include "preload/outlets/dump.h"

/* Once, at the program's start. */
void automatic_start(void);
/* In a fork child: amounts are counted anew. */
void automatic_forked(void);
/* In a reporter's task: whether a condition is met; then trigger and cause are set. */
bool automatic_is_due(struct dump_request *ret_request);

#endif
