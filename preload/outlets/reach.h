/* SPDX-License-Identifier: MIT */
/*
 * Memory judged by what reaches it (D17): of each block whether the program can still get
 * at it, or nobody ever will.
 *
 * Judged in a copy of the process, made by a raw clone without CLONE_VM: there all memory
 * and all of our books are of one moment, nothing is unmapped under a load, and a fault of
 * ours is the copy's alone. The program goes on beside it: it stands still for as long as
 * the copy takes to make. What is not in memory, where other threads are, is found out
 * right before and checked right after (reach_threads.h). The copy has no descriptors, no
 * handlers, no end that the program could see (exit signal 0), and is killed when it takes
 * too long. Verdicts come back through shared memory, one for each record of the ledger.
 *
 * Used by the reporter alone: reach_judge, then a dump that asks, then reach_over.
 */
#ifndef OUTLETS_REACH_H
#define OUTLETS_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/books/ledger.h"
#include "preload/format.h"

struct dump;
struct dump_request;

/* Where the thread that ends the process was when it did so. */
#define PLACE_REGISTERS 18u
struct reach_place {
    uintptr_t sp;
    uint32_t register_count;
    uintptr_t registers[PLACE_REGISTERS];
};

/* Once, on the program's first thread. */
void reach_start(void);

/* Whether any code of the project's was ever seen: if not, there is nothing to find. */
bool reach_may_find(void);
/* Judges, if that is possible here. */
void reach_judge(const struct dump_request *request);
/* Whether a block, or a context, is lost that the project's code has acquired. */
bool reach_found(void);

/* Of a block as a dump meets it: flags of its group, or 0: not judged. */
uint32_t reach_flags(const struct block *block, uint32_t number);
/* Whether it may be another process's to lose, of which this is the child. */
bool reach_is_inherited(const struct block *block);
/* What hangs on to the blocks of a group whose flags have LOST. False: nothing. */
bool reach_parts(uint32_t stack, uint32_t context, uint32_t flags, uint64_t *ret_count,
                 uint64_t *ret_bytes);
/* Whether the program has lost what libc allocated for a stream or directory. */
bool reach_lost_handle(uint64_t handle);

/* Whether nobody can end or release it any more. */
bool reach_lost_context(uint32_t id);

void reach_over(void);
/* By anybody: whoever judges now gives up, since somebody waits for the reporter. */
void reach_hurry(void);

#endif
