/* SPDX-License-Identifier: MIT */
/*
 * Holdings with odd keys: streams, directories, threads, children.
 *
 * Holdings lie in slots that are never unmapped, so that a snapshot reads them
 * without a lock (holding_read). uthash finds the slot of a (kind, handle); it
 * is sharded, allocates from our arena, and each shard has a lock that knows
 * its owner: an update that finds the lock held by its own thread (a signal
 * handler interrupted it) gives up and counts, instead of waiting for ever.
 * Around fork all locks are held, so that the child finds the shards whole.
 */
#ifndef BOOKS_KEYTABLE_H
#define BOOKS_KEYTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/holding.h"

/* Enters; tells whether an older one was still there (then replaced). */
bool key_enter(const struct holding_copy *holding);
/* Another acquisition of what is there: it takes one more key_take to take it out.
 * False when it is not there. */
bool key_again(enum ctt_kind_id kind, uint64_t handle);
/* Takes out; false when not there, or still held by another acquisition. */
bool key_take(enum ctt_kind_id kind, uint64_t handle, struct holding_copy *ret_copy);
bool key_read(enum ctt_kind_id kind, uint64_t handle, struct holding_copy *ret_copy);
void key_set_flags(enum ctt_kind_id kind, uint64_t handle, uint16_t set, uint16_t clear);
/* It is this context's from now on; false when it is not there. The context is kept (by its
 * source) while this is called. */
bool key_charge(enum ctt_kind_id kind, uint64_t handle, uint32_t context);
/* Every slot, in no order, beside running threads. */
void key_scan(void (*each)(const struct holding_copy *holding, void *arg), void *arg);
/* Drops all of a kind (fork child: threads, the parent's children). */
void key_drop_kind(enum ctt_kind_id kind);
void key_mark_kind(enum ctt_kind_id kind, uint16_t set);
/* All that are held, into a state file that has just been begun. */
void keys_mirror(void);

/* Whether this thread holds all, around a fork. */
bool keys_are_held(void);
void keys_before_fork(void);
void keys_after_fork(void);

#endif
