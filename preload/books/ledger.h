/* SPDX-License-Identifier: MIT */
/*
 * The memory ledger: which blocks are live, by address, without a lock.
 *
 * A radix tree over the address: three levels, the leaf an array of u32 record
 * numbers, one for each granule (the least distance at which the allocator
 * places two blocks: 32 bytes for glibc's, 8 otherwise). Adding is filling a
 * record and one store-release; removing is one exchange to 0, and whoever got
 * the number owns the record. Nodes are installed by CAS and never freed.
 * Wait-free, so it is safe in a signal handler and in a fork child, and a
 * snapshot scans it beside running threads.
 */
#ifndef BOOKS_LEDGER_H
#define BOOKS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In `bytes`: a point of sample.h fell on the block, and it stands for others. No
 * block is that large. */
#define BLOCK_DRAWN (UINT64_C(1) << 63)

struct block {
    uint64_t address;
    uint64_t bytes; /* and BLOCK_DRAWN */
    uint32_t stack;
    uint32_t context;
    uint32_t task;
    uint32_t born_ms; /* since the tracker's start, coarse */
};

#define LEDGER_GRANULE_GLIBC 5u /* glibc's chunks are 32 bytes apart at least */
#define LEDGER_GRANULE_OTHER 3u

/* log2 of the granule; before the first add. */
void ledger_set_granule(unsigned log2_bytes);
unsigned ledger_granule(void);

/* Enters a block; one that was still recorded there is replaced, counted. */
void ledger_add(const struct block *block);
/* Takes a block out. False: never recorded (or already freed). */
bool ledger_take(uintptr_t address, struct block *ret_block);
/* The same for who does not want to know. */
bool ledger_drop(uintptr_t address);

/* Charges a live block to another context. False: no block begins there. */
bool ledger_charge(uintptr_t address, uint32_t context);

/* Every block that was live when the scan began and still is when met. Beside
 * running threads. */
void ledger_scan(void (*each)(const struct block *block, void *arg), void *arg);

/* The same with the number of the block's record, which no other block has at the same
 * time; numbers are 1 .. ledger_numbers() - 1. In the order of their addresses. */
void ledger_scan_numbers(void (*each)(const struct block *block, uint32_t number, void *arg),
                         void *arg);
uint32_t ledger_numbers(void);
/* The number of the block that begins there, or 0. */
uint32_t ledger_number(uintptr_t address);
/* By that number, where nothing runs. False for one that is none. */
bool ledger_read(uint32_t number, struct block *ret_block);

/* Those born since then, into a state file that has just been begun. */
void ledger_mirror(uint32_t from_ms);

uint64_t ledger_live_blocks(void); /* exact only when nothing runs */

#endif
