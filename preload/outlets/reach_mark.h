/* SPDX-License-Identifier: MIT */
/*
 * The marking: which blocks are reached from words that were found somewhere, and of the
 * others which one is lost and which only hang on to such a one.
 *
 * Every aligned word that is an address within a block reaches it, as LeakSanitizer and
 * valgrind have it: conservative, since a number may look like an address. A worklist, no
 * recursion. In the frozen copy of the process alone.
 */
#ifndef OUTLETS_REACH_MARK_H
#define OUTLETS_REACH_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of an item of reach_index.h. */
enum reach_marks {
    MARK_REACHED = 1 << 0,
    MARK_START = 1 << 1, /* by a pointer to its first byte */
    MARK_LOST = 1 << 2,
    MARK_PART = 1 << 3,       /* hangs on to one that is lost */
    MARK_RING = 1 << 4,       /* lost, and reached through what hangs on to it */
    MARK_SEEN = 1 << 5,       /* by the first of the two passes over what is not reached */
    MARK_UNREADABLE = 1 << 6, /* not all of it can be read */
    MARK_STREAM = 1 << 7,     /* a FILE: its place in libc's list of all does not count */
    MARK_POPEN = 1 << 8,      /* with STREAM: nor does that in its list of children */
    MARK_POOL = 1 << 9,       /* of libctx's contexts: words in it may be their handles */
};

/* False: no memory for the worklist. */
bool mark_begin(void);

/* Words that were found in a root, and with them all that they lead to. */
void mark_words(const uintptr_t *words, size_t count);
/* One block that is meant to be held, and what it leads to. */
void mark_item(uint32_t i);
/* Memory of this copy that can be read, as a root. */
void mark_memory(uintptr_t start, uintptr_t end);
/* What it was that was read as roots. */
uint64_t mark_root_bytes(void);

/* After the last root: judges what is not reached. For each that is lost `tell` gets how
 * many others hang on to it. */
void mark_lost(void (*tell)(uint32_t i, uint64_t parts, uint64_t parts_bytes));

#endif
