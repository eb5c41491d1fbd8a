/* SPDX-License-Identifier: MIT */
/*
 * Who held what when a limit was hit.
 *
 * By the time anybody looks, the program may have given everything back, or
 * died. So the first failure of each sort (EMFILE, ENFILE, EAGAIN, ENOMEM) is
 * the moment at which the books are read, by stack. It needs no descriptor and no
 * memory: the tables are static, and what has no room in them is added up under
 * no stack.
 */
#ifndef BOOKS_HOLDERS_H
#define BOOKS_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"

/* A call failed with `error`. Nothing for an errno that is no limit's, or one that
 * was met before. */
void holders_note(int error);
/* How much is held now of what this errno's limit is of, where that is cheap to
 * know: descriptors, or threads and children; 0 for memory. */
uint64_t holders_live(int error);
/* Copies row `i` of all; false past the end. */
bool holders_read(uint32_t i, struct ctt_holder *ret_row);
/* In a fork child: it was the parent that failed. */
void holders_forget(void);

#endif
