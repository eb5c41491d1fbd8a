/* SPDX-License-Identifier: MIT */
/*
 * Handles of dlopen: the loader gives the same one each time that a module is opened, and
 * counts. So the books have a row for each opening, with a stack of its own, in the key
 * table (keytable.h): the rows of one handle are numbered from 0 without gaps, and the
 * last is the first to go. Opening and closing are one at a time, under a lock that knows
 * its owner and is held over a fork.
 */
#ifndef BOOKS_OPENINGS_H
#define BOOKS_OPENINGS_H

#include "preload/books/keytable.h"

/* Bits of a row's key that are the handle; the number stands above. */
#define OPENING_HANDLE(key) ((key) & ((UINT64_C(1) << 48) - 1))

/* One more of the handle that `holding` names, by its key or as the loader gave it. */
void opening_enter(const struct holding_copy *holding);
/* One less. False when there is none. */
bool opening_take(const void *handle, struct holding_copy *ret_copy);

void openings_before_fork(void);
void openings_after_fork(void);

#endif
