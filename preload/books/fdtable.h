/* SPDX-License-Identifier: MIT */
/*
 * The descriptors: a two-level array up to FD_MAX, a holding for each.
 *
 * Between a successful open and the matching close the number is its holder's
 * alone, so one slot has one writer at a time; the races left (two closes, a
 * close and a dup2 over it) are decided by the exchange in holding_take.
 */
#ifndef BOOKS_FDTABLE_H
#define BOOKS_FDTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/holding.h"

#define FD_MAX (1 << 20) /* the kernel's own nr_open default */

/* Enters; an older holding that was still there is counted and replaced. */
void fd_enter(int fd, const struct holding_copy *holding);
/* Before a copy (DETAIL_DUP) of `from` is entered: `from_stack` acquired that. */
void fd_set_source(int fd, int from, uint32_t from_stack);
/* What a copy is a copy of: a number plus 1, and the stack that acquired it. */
void fd_source(int fd, uint32_t *ret_source, uint32_t *ret_stack);
/* Takes out, remembering where (`stack`) and by whom. False: not there. */
bool fd_take(int fd, uint32_t stack, struct holding_copy *ret_copy);
/* The slot, or NULL when that part of the table was never used. */
struct holding *fd_slot(int fd);
bool fd_read(int fd, struct holding_copy *ret_copy);
/* Makes it part of a stream or directory, or free of it (owner 0). */
void fd_set_owner(int fd, uint64_t owner, enum ctt_kind_id owner_kind);
void fd_set_flags(int fd, uint16_t set, uint16_t clear);
/* It is this context's from now on; false when it is not held. */
bool fd_charge(int fd, uint32_t context);
void fd_touch(int fd);

/* Highest number ever entered, plus 1. */
int fd_limit(void);
uint32_t fd_live(void);
/* All that are held, into a state file that has just been begun. */
void fds_mirror(void);

#endif
