/* SPDX-License-Identifier: MIT */
/*
 * Mappings as holdings: which ranges of addresses are held, and by whom.
 *
 * A range is a holding whose handle is its first address and whose bytes are whole
 * pages. They do not overlap. What cuts one (a munmap in its middle) leaves pieces
 * with the facts of the acquisition that they are left of (hazards.md E7).
 *
 * The holdings lie in slots that are never unmapped; an array names them in the order
 * of their addresses, under a lock that knows its owner. A snapshot reads without it,
 * between two readings of a number that every change moves.
 *
 * Taking out comes before the real munmap and entering after the real mmap (E1), so a
 * cut may be taken back: what was cut off stays together until the call is over.
 */
#ifndef BOOKS_RANGES_H
#define BOOKS_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/facts/holding.h"

#define RANGE_MAX (1u << 17) /* twice the kernel's own vm.max_map_count */

/* Pieces that a call is about to unmap. */
struct range_cut {
    uint32_t first; /* slot, or 0: none */
};

/* Takes [start, end) out. */
void range_cut(struct range_cut *ret_cut, uintptr_t start, uintptr_t end);
/* Takes out all whose owner is `owner`: what is left of one attachment. */
void range_cut_owned(struct range_cut *ret_cut, uint64_t owner);
/* The call has failed: they are held as before. */
void range_uncut(struct range_cut *cut);
/* The same, page by page, where `is_mapped` says so: some calls fail in the middle of
 * their work. The other pages are gone. */
void range_uncut_if(struct range_cut *cut, bool is_mapped(uintptr_t start, uintptr_t bytes),
                    uintptr_t page_bytes);
/* It has not: they are gone. */
void range_forget(struct range_cut *cut);
/* The same, and `gone` is called, under the book's lock, for each acquisition of which
 * nothing seems to be left: no neighbour is of the same. */
void range_give_back(struct range_cut *cut, void (*gone)(const struct holding_copy *was, void *arg),
                     void *arg);

/* Enters; what the book still has there is counted and replaced. `holding` says
 * where and how long. */
void range_enter(const struct holding_copy *holding);
/* The range that `address` is in. */
bool range_read(uintptr_t address, struct holding_copy *ret_copy);

/* Copies up to `room` ranges in the order of their addresses, as they were at one
 * moment; how many there are may be more. False: they changed all the time, and what
 * was copied is of several moments. */
bool range_list(struct holding_copy *ret, uint32_t room, uint32_t *ret_count);
/* Each, in no order, at several moments. */
void range_scan(void (*each)(const struct holding_copy *holding, void *arg), void *arg);

/* All that are held, into a state file that has just been begun. */
void ranges_mirror(void);

void ranges_before_fork(void);
void ranges_after_fork(void);
/* In a fork child: they are the parent's. */
void ranges_inherit(void);

#endif
