/* SPDX-License-Identifier: MIT */
/*
 * Live snapshots: what a request leads to. Requests that come while one is
 * being written are not lost: the reporter goes round once more for all of
 * them together.
 */
#ifndef OUTLETS_SNAPSHOT_H
#define OUTLETS_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

/* From a signal handler: a dump for signal `number`, where memory is judged by what
 * reaches it if `reaches`, then the announcement. */
void snapshot_request(int number, bool reaches);
/* By word of the program (notify.snapshot): made when this returns. */
const char *snapshot_now(void);
/* Only the announcement: a mark was set. */
void snapshot_announce(void);
/* The tracker stops watching (switched_off.h), then the announcement. */
/* Looks whether a condition of auto= is met, and then writes a dump. */
void snapshot_look(void);
void snapshot_switch_off(void);

/* Waits for a running reporter, 2 s at most (notify.settle). */
void snapshot_settle(void);
/* In a fork child. */
void snapshot_forked(void);

#endif
