/* SPDX-License-Identifier: MIT */
#include "preload/books/ledger.h"

#include <stdatomic.h>
#include <sys/single_threaded.h>

#include "preload/books/ledger_slot.h"
#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/mirror.h"
#include "preload/ground/room.h"
#include "preload/ground/sys.h"

/* ---- records: chunks of 32-byte blocks, by number; 0 is none ---- */

#define RECORD_CHUNK_BITS 15u
#define RECORD_CHUNK      (1u << RECORD_CHUNK_BITS) /* 1 MiB of records */
#define RECORD_CHUNKS     8192u                     /* 268 million blocks */
#define RECORD_BATCH      64u

static _Atomic(struct block *) record_chunks[RECORD_CHUNKS];
static _Atomic uint32_t records_fresh = 1;
/* Free batches: number of the first record in the low half, tag above. A free
 * record keeps the next one of its batch in `stack`, the first one of the next
 * batch in `context`, the batch's size in `task`. */
static _Atomic uint64_t free_batches;

/* `number` was given out before, so its chunk is there. */
static struct block *record_at(uint32_t number)
{
    struct block *chunk =
        atomic_load_explicit(&record_chunks[number >> RECORD_CHUNK_BITS], memory_order_acquire);
    if (!chunk)
        __builtin_unreachable();
    return &chunk[number & (RECORD_CHUNK - 1)];
}

static bool record_chunk_make(uint32_t index)
{
    struct block *chunk = atomic_load_explicit(&record_chunks[index], memory_order_acquire);
    if (chunk)
        return true;
    struct block *fresh = arena_map(RECORD_CHUNK * sizeof *fresh);
    if (!fresh)
        return false;
    atomic_compare_exchange_strong(&record_chunks[index], &chunk, fresh);
    return true;
}

/* Free records are linked through fields that a take or scan may still be
 * reading in a record it has lost: those readers check afterwards that the
 * record was theirs. Hence relaxed atomics on plain fields. */
#define FIELD_GET(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define FIELD_SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

static __attribute__((noinline)) void batch_push(uint32_t first, uint32_t count)
{
    struct block *record = record_at(first);
    FIELD_SET(record->task, count);
    uint64_t head = atomic_load(&free_batches);
    uint64_t after;
    do {
        FIELD_SET(record->context, (uint32_t)head);
        after = ((head >> 32) + 1) << 32 | first;
    } while (!atomic_compare_exchange_weak(&free_batches, &head, after));
}

static uint32_t batch_pop(uint32_t *ret_count)
{
    uint64_t head = atomic_load(&free_batches);
    for (;;) {
        uint32_t first = (uint32_t)head;
        if (!first)
            return 0;
        struct block *record = record_at(first);
        uint64_t after = ((head >> 32) + 1) << 32 | FIELD_GET(record->context);
        uint32_t count = FIELD_GET(record->task);
        if (atomic_compare_exchange_weak(&free_batches, &head, after)) {
            *ret_count = count;
            return first;
        }
    }
}

/* A run of never-used records, linked into a batch. Runs do not cross chunks:
 * RECORD_BATCH divides RECORD_CHUNK, and number 0's batch starts at 1. */
static uint32_t batch_fresh(uint32_t *ret_count)
{
    uint32_t first = atomic_load_explicit(&records_fresh, memory_order_relaxed);
    uint32_t next;
    do {
        if (first >= RECORD_CHUNK * RECORD_CHUNKS - RECORD_BATCH)
            return 0;
        next = (first | (RECORD_BATCH - 1)) + 1;
        if (!record_chunk_make(first >> RECORD_CHUNK_BITS))
            return 0;
    } while (!atomic_compare_exchange_weak(&records_fresh, &first, next));
    for (uint32_t number = first; number < next; number++)
        FIELD_SET(record_at(number)->stack, number + 1 < next ? number + 1 : 0);
    *ret_count = next - first;
    return first;
}

/* What is seldom needed is kept out of line, where it costs the quick way no
 * saved registers. */
#define SELDOM __attribute__((noinline, cold))

static SELDOM uint32_t batch_get(uint32_t *ret_count)
{
    uint32_t first = batch_pop(ret_count);
    return first ? first : batch_fresh(ret_count);
}

/* One record without the thread's own list: in a signal handler that
 * interrupted the list's owner, or with no room. */
static SELDOM uint32_t record_get_shared(void)
{
    uint32_t count = 0;
    uint32_t first = batch_get(&count);
    if (!first)
        return 0;
    uint32_t rest = FIELD_GET(record_at(first)->stack);
    if (rest)
        batch_push(rest, count - 1);
    return first;
}

/* `blocks_busy` is only ever written by this thread; a handler that finds it
 * set interrupted the lines between, and leaves the list alone. The signal
 * fences keep the compiler from moving the list's accesses out. */
static uint32_t record_get(void)
{
    struct thread_room *room = room_get();
    if (!room || room->blocks_busy)
        return record_get_shared();
    room->blocks_busy = 1;
    atomic_signal_fence(memory_order_seq_cst);
    if (!room->blocks_head)
        room->blocks_head = batch_get(&room->blocks_count);
    uint32_t number = room->blocks_head;
    if (number) {
        room->blocks_head = FIELD_GET(record_at(number)->stack);
        room->blocks_count--;
    }
    atomic_signal_fence(memory_order_seq_cst);
    room->blocks_busy = 0;
    return number;
}

static inline void record_put(uint32_t number)
{
    struct block *record = record_at(number);
    struct thread_room *room = room_get();
    if (!room || room->blocks_busy) {
        FIELD_SET(record->stack, 0);
        batch_push(number, 1);
        return;
    }
    room->blocks_busy = 1;
    atomic_signal_fence(memory_order_seq_cst);
    if (room->blocks_count >= RECORD_BATCH) {
        batch_push(room->blocks_head, room->blocks_count);
        room->blocks_head = 0;
        room->blocks_count = 0;
    }
    FIELD_SET(record->stack, room->blocks_head);
    room->blocks_head = number;
    room->blocks_count++;
    atomic_signal_fence(memory_order_seq_cst);
    room->blocks_busy = 0;
}

/* ---- the radix tree: address -> record number ---- */

_Atomic(struct ledger_middle *) ledger_top[1u << LEDGER_TOP_BITS];
unsigned ledger_granule_bits = 5;

void ledger_set_granule(unsigned log2_bytes)
{
    ledger_granule_bits = log2_bytes;
}

unsigned ledger_granule(void)
{
    return ledger_granule_bits;
}

static uint32_t leaf_slots(void)
{
    return 1u << (LEDGER_LEAF_SPAN - ledger_granule_bits);
}

static SELDOM _Atomic uint32_t *slot_make(uintptr_t address)
{
    if (address >> LEDGER_ADDRESS_BITS)
        return NULL;
    _Atomic(struct ledger_middle *) *where = &ledger_top[ledger_top_index(address)];
    struct ledger_middle *middle = atomic_load_explicit(where, memory_order_acquire);
    if (!middle) {
        struct ledger_middle *fresh = arena_map(sizeof *fresh);
        if (!fresh)
            return NULL;
        if (atomic_compare_exchange_strong(where, &middle, fresh))
            middle = fresh;
    }
    _Atomic(struct ledger_leaf *) *place = &middle->leaves[ledger_middle_index(address)];
    if (!atomic_load_explicit(place, memory_order_acquire)) {
        struct ledger_leaf *none = NULL;
        struct ledger_leaf *fresh = arena_map(sizeof(uint32_t) * leaf_slots());
        if (!fresh)
            return NULL;
        atomic_compare_exchange_strong(place, &none, fresh);
    }
    return ledger_slot(address);
}

/* ---- the ledger ---- */

/* A number is one thread's alone while its record is filled or taken out. */
static SELDOM void record_mirror(uint32_t number, const struct block *block)
{
    struct state_block *row = mirror_open(STATE_BLOCK, number);
    if (!row)
        return;
    MIRROR_SET(row, stack, block->stack);
    MIRROR_SET(row, bytes, block->bytes);
    MIRROR_SET(row, context, block->context);
    MIRROR_SET(row, task, block->task);
    MIRROR_SET(row, born_ms, block->born_ms);
    mirror_close(row, 1);
}

static SELDOM void record_unmirror(uint32_t number)
{
    mirror_clear(STATE_BLOCK, number);
}

static SELDOM void slot_replace(_Atomic uint32_t *slot, uint32_t number)
{
    uint32_t before = atomic_exchange_explicit(slot, number, memory_order_acq_rel);
    if (before) {
        HEALTH(blocks_replaced);
        record_unmirror(before);
        record_put(before);
    }
}

void ledger_add(const struct block *block)
{
    _Atomic uint32_t *slot = ledger_slot(block->address);
    if (__builtin_expect(!slot, 0))
        slot = slot_make(block->address);
    uint32_t number = slot ? record_get() : 0;
    if (!number) {
        HEALTH(blocks_dropped);
        return;
    }
    struct block *record = record_at(number);
    FIELD_SET(record->born_ms, block->born_ms);
    FIELD_SET(record->bytes, block->bytes);
    FIELD_SET(record->stack, block->stack);
    FIELD_SET(record->context, block->context);
    FIELD_SET(record->task, block->task);
    FIELD_SET(record->address, block->address);
    if (mirror_is_on())
        record_mirror(number, block);
    /* The address is this thread's alone now, so nobody else writes to an empty
     * slot: a store will do. A number that still stands there (a release that
     * no hook saw) may be taken by a program that frees twice. */
    if (__builtin_expect(!atomic_load_explicit(slot, memory_order_relaxed), 1)) {
        atomic_store_explicit(slot, number, memory_order_release);
        return;
    }
    slot_replace(slot, number);
}

/*
 * Of two threads that free one block at once, in error, one may get its record.
 * That is all that the exchange is for: a handler that interrupts a free cannot
 * free the same block. With one thread a load and a store will do.
 */
static inline uint32_t slot_take(_Atomic uint32_t *slot)
{
    if (!__libc_single_threaded)
        return atomic_exchange_explicit(slot, 0, memory_order_acq_rel);
    uint32_t number = atomic_load_explicit(slot, memory_order_relaxed);
    atomic_store_explicit(slot, 0, memory_order_relaxed);
    return number;
}

/* The number of the block's record, which is the caller's now; or 0. */
static inline uint32_t number_take(uintptr_t address)
{
    _Atomic uint32_t *slot = ledger_slot(address);
    if (!slot || !atomic_load_explicit(slot, memory_order_relaxed))
        return 0;
    uint32_t number = slot_take(slot);
    if (number && __builtin_expect(record_at(number)->address != address, 0)) {
        /* An address inside a granule whose block starts elsewhere: not a
         * pointer that the allocator gave out. The block stays recorded. */
        atomic_store_explicit(slot, number, memory_order_release);
        return 0;
    }
    if (number && mirror_is_on())
        record_unmirror(number);
    return number;
}

bool ledger_take(uintptr_t address, struct block *ret_block)
{
    uint32_t number = number_take(address);
    if (!number)
        return false;
    *ret_block = *record_at(number);
    record_put(number);
    return true;
}

bool ledger_drop(uintptr_t address)
{
    uint32_t number = number_take(address);
    if (number)
        record_put(number);
    return number != 0;
}

/* Who frees the block at the same time frees what he is told to keep: then the record may
 * be another's, whose context is wrong from here on, and nothing else. */
bool ledger_charge(uintptr_t address, uint32_t context)
{
    _Atomic uint32_t *slot = ledger_slot(address);
    uint32_t number = slot ? atomic_load_explicit(slot, memory_order_acquire) : 0;
    if (!number || FIELD_GET(record_at(number)->address) != address)
        return false;
    struct block *record = record_at(number);
    FIELD_SET(record->context, context);
    if (mirror_is_on())
        record_mirror(number, record);
    return true;
}

struct scan {
    void (*each)(const struct block *block, uint32_t number, void *arg);
    void *arg;
    uint32_t now_ms;
};

/* Loads stay in the order in which they are written here. */
static void record_read(const struct block *record, struct block *ret_copy)
{
    ret_copy->address = FIELD_GET(record->address);
    ret_copy->bytes = FIELD_GET(record->bytes);
    ret_copy->stack = FIELD_GET(record->stack);
    ret_copy->context = FIELD_GET(record->context);
    ret_copy->task = FIELD_GET(record->task);
    ret_copy->born_ms = FIELD_GET(record->born_ms);
    atomic_thread_fence(memory_order_acquire);
}

static bool reads_as(const struct block *record, const struct block *copy)
{
    uint64_t other = FIELD_GET(record->address) ^ copy->address;
    other |= FIELD_GET(record->bytes) ^ copy->bytes;
    other |= FIELD_GET(record->stack) ^ copy->stack;
    other |= FIELD_GET(record->context) ^ copy->context;
    other |= FIELD_GET(record->task) ^ copy->task;
    other |= FIELD_GET(record->born_ms) ^ copy->born_ms;
    atomic_thread_fence(memory_order_acquire);
    return !other;
}

/* A record may be given back and filled anew while it is read, for another block
 * at the same address even: malloc and record_get both hand out first what came
 * back last. While a record is filled no slot names it, and this slot names it
 * before, between and after two readings. So if the first mixes two blocks, the
 * filling was over when the second began, which then is the younger block's, and
 * differs: readings that agree are one block's. */
static void scan_slot(struct scan *scan, _Atomic uint32_t *slot, uintptr_t granule)
{
    uint32_t number = atomic_load_explicit(slot, memory_order_acquire);
    if (!number)
        return;
    const struct block *record = record_at(number);
    struct block copy;
    bool is_whole;
    do {
        record_read(record, &copy);
        if (atomic_load_explicit(slot, memory_order_acquire) != number)
            return;
        is_whole = reads_as(record, &copy);
        if (atomic_load_explicit(slot, memory_order_relaxed) != number)
            return;
    } while (!is_whole);
    if (copy.address >> ledger_granule_bits != granule || copy.born_ms > scan->now_ms)
        return;
    scan->each(&copy, number, scan->arg);
}

#define LINE  16u         /* numbers in a cache line */
#define AHEAD (4u * LINE) /* records lie in the order of their making: fetch some at once */

static void records_fetch(const struct ledger_leaf *leaf, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        uint32_t number = atomic_load_explicit(&leaf->numbers[i], memory_order_relaxed);
        if (number)
            __builtin_prefetch(record_at(number));
    }
}

/* Most of a leaf is empty. */
static bool line_is_empty(const struct ledger_leaf *leaf, uint32_t from)
{
    uint32_t any = 0;
    for (uint32_t i = from; i < from + LINE; i++)
        any |= atomic_load_explicit(&leaf->numbers[i], memory_order_relaxed);
    return !any;
}

static void scan_leaf(struct scan *scan, struct ledger_leaf *leaf, uintptr_t base)
{
    uint32_t count = leaf_slots();
    records_fetch(leaf, 0, AHEAD);
    for (uint32_t line = 0; line < count; line += LINE) {
        if (line + AHEAD < count)
            records_fetch(leaf, line + AHEAD, line + AHEAD + LINE);
        if (line_is_empty(leaf, line))
            continue;
        for (uint32_t i = line; i < line + LINE; i++)
            scan_slot(scan, &leaf->numbers[i], (base >> ledger_granule_bits) + i);
    }
}

static void scan_all(struct scan *scan)
{
    scan->now_ms = (uint32_t)(clock_since_ns() / 1000000u);
    for (uint32_t t = 0; t < 1u << LEDGER_TOP_BITS; t++) {
        struct ledger_middle *middle = atomic_load_explicit(&ledger_top[t], memory_order_acquire);
        for (uint32_t m = 0; middle && m < 1u << LEDGER_MIDDLE_BITS; m++) {
            struct ledger_leaf *leaf =
                atomic_load_explicit(&middle->leaves[m], memory_order_acquire);
            uintptr_t base = (uintptr_t)t << (LEDGER_ADDRESS_BITS - LEDGER_TOP_BITS) |
                             (uintptr_t)m << LEDGER_LEAF_SPAN;
            if (leaf)
                scan_leaf(scan, leaf, base);
        }
    }
}

void ledger_scan_numbers(void (*each)(const struct block *block, uint32_t number, void *arg),
                         void *arg)
{
    struct scan scan = {.each = each, .arg = arg};
    scan_all(&scan);
}

uint32_t ledger_numbers(void)
{
    return atomic_load(&records_fresh);
}

uint32_t ledger_number(uintptr_t address)
{
    _Atomic uint32_t *slot = ledger_slot(address);
    return slot ? atomic_load(slot) : 0;
}

bool ledger_read(uint32_t number, struct block *ret_block)
{
    if (number == 0 || number >= ledger_numbers())
        return false;
    *ret_block = *record_at(number);
    return true;
}

struct plain {
    void (*each)(const struct block *block, void *arg);
    void *arg;
};

static void each_plain(const struct block *block, uint32_t number, void *arg)
{
    const struct plain *plain = arg;
    (void)number;
    plain->each(block, plain->arg);
}

void ledger_scan(void (*each)(const struct block *block, void *arg), void *arg)
{
    struct plain plain = {each, arg};
    ledger_scan_numbers(each_plain, &plain);
}

#define MIRROR_TRIES 64

/* Its record may be given back meanwhile, and filled anew, by a thread that writes the row,
 * too: written until it is what the record says, or nothing where no slot names it. */
static void mirror_one(const struct block *block, uint32_t number, void *arg)
{
    const uint32_t *from_ms = arg;
    const struct block *record = record_at(number);
    struct block copy = *block;
    if (block->born_ms < *from_ms)
        return;
    for (unsigned tries = 0; tries < MIRROR_TRIES; tries++) {
        _Atomic uint32_t *slot = ledger_slot(copy.address);
        bool is_held = slot && atomic_load(slot) == number;
        if (is_held)
            record_mirror(number, &copy);
        else
            record_unmirror(number);
        atomic_thread_fence(memory_order_seq_cst);
        if (reads_as(record, &copy) && (slot && atomic_load(slot) == number) == is_held)
            return;
        record_read(record, &copy);
    }
}

void ledger_mirror(uint32_t from_ms)
{
    ledger_scan_numbers(mirror_one, &from_ms);
}

static void count_one(const struct block *block, void *arg)
{
    (void)block;
    ++*(uint64_t *)arg;
}

uint64_t ledger_live_blocks(void)
{
    uint64_t count = 0;
    ledger_scan(count_one, &count);
    return count;
}
