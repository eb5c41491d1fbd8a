/* SPDX-License-Identifier: MIT */
#include "preload/facts/thread_stacks.h"

#include <stdatomic.h>

#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/sys.h"

#define PAGE_BYTES UINT64_C(4096)
#define CHUNK      512u
#define CHUNKS     32u
#define ROWS       (CHUNK * CHUNKS)

/* A row's owner: its state, whose it is, and a number that is another at each use. Of two
 * equal owners what was read in between is of one stack. */
#define OWNER_FREE      UINT64_C(0)
#define OWNER_FILLING   UINT64_C(1)
#define OWNER_ALIVE     UINT64_C(2)
#define OWNER_DEAD      UINT64_C(3)
#define OWNER_STATE     UINT64_C(3)
#define OWNER_GIVEN     UINT64_C(4)
#define OWNER_TID(o)    ((uint32_t)((o) >> 3) & OWNER_TID_MOST)
#define OWNER_TID_MOST  ((UINT32_C(1) << 30) - 1) /* the kernel's are 22 bits */
#define OWNER_USE_SHIFT 33u

struct row {
    _Atomic uint64_t owner;
    _Atomic uintptr_t low, high;
};

static _Atomic(struct row *) chunks[CHUNKS];
static _Atomic uint32_t used, uses;

/* ---- where the calling thread's is ---- */

struct thread_stack thread_stack_wanted(const pthread_attr_t *attributes)
{
    pthread_attr_t plain;
    void *low = NULL;
    size_t bytes = 0, given = 0;
    if (!attributes)
        pthread_attr_init(&plain);
    if (pthread_attr_getstacksize(attributes ? attributes : &plain, &bytes))
        bytes = 0;
    /* libc keeps the upper end; without one the lower comes out as 0 - size. */
    if (attributes && pthread_attr_getstack(attributes, &low, &given) == 0 &&
        (uintptr_t)low + given != 0) {
        uintptr_t high = (uintptr_t)low + given;
        return (struct thread_stack){high - bytes, high, true};
    }
    return (struct thread_stack){0 - (uintptr_t)bytes, 0, false};
}

/* glibc's descriptor holds the block that it lies at the end of, in three words: where it
 * begins, its bytes, and how many of them guard it. Which three is in no header, so they
 * are known by that it all fits: the place of the first such is kept. */
enum { BLOCK_LOW, BLOCK_BYTES, BLOCK_GUARD, BLOCK_WORDS };
static _Atomic uint32_t block_place; /* bytes from the descriptor; 0: not known */

static bool is_block(const uintptr_t words[BLOCK_WORDS], uintptr_t here, uintptr_t descriptor)
{
    uintptr_t low = words[BLOCK_LOW], bytes = words[BLOCK_BYTES], guard = words[BLOCK_GUARD];
    return low && low < here && here < descriptor && bytes > descriptor - low &&
           bytes - (descriptor - low) <= PAGE_BYTES && guard < here - low &&
           (low | bytes | guard) % PAGE_BYTES == 0;
}

/* Nothing is read beyond the descriptor's own page: of a stack of libc's it ends there. */
static const uintptr_t *block_find(uintptr_t here, uintptr_t descriptor)
{
    uint32_t known = atomic_load_explicit(&block_place, memory_order_relaxed);
    uintptr_t end = (descriptor | (PAGE_BYTES - 1)) + 1 - BLOCK_WORDS * sizeof(uintptr_t);
    const uintptr_t *words = (const uintptr_t *)(descriptor + known);
    if (known && (uintptr_t)words <= end && is_block(words, here, descriptor))
        return words;
    for (words = (const uintptr_t *)descriptor + 1; (uintptr_t)words <= end; words++) {
        if (!is_block(words, here, descriptor))
            continue;
        atomic_store_explicit(&block_place, (uint32_t)((uintptr_t)words - descriptor),
                              memory_order_relaxed);
        return words;
    }
    return NULL;
}

struct thread_stack thread_stack_here(struct thread_stack wanted)
{
    uintptr_t here = GUARD_FRAME(), descriptor = (uintptr_t)pthread_self();
    struct thread_stack stack = wanted;
    if (!wanted.is_given) {
        const uintptr_t *block = here < descriptor ? block_find(here, descriptor) : NULL;
        stack.high = (descriptor | (PAGE_BYTES - 1)) + 1;
        stack.low += stack.high;
        if (block) {
            stack.low = block[BLOCK_LOW] + block[BLOCK_GUARD];
            stack.high = block[BLOCK_LOW] + block[BLOCK_BYTES];
        }
    }
    if (here < stack.low || here >= stack.high)
        stack.low = stack.high = 0; /* another libc, or one with another way of it */
    return stack;
}

/* ---- the table ---- */

static struct row *row_at(uint32_t index)
{
    struct row *chunk = atomic_load_explicit(&chunks[index / CHUNK], memory_order_acquire);
    return chunk ? &chunk[index % CHUNK] : NULL;
}

static uint64_t row_state(uint64_t owner)
{
    return owner & OWNER_STATE;
}

static bool row_claim(struct row *row, uint64_t owner)
{
    return atomic_compare_exchange_strong(&row->owner, &owner, OWNER_FILLING);
}

static bool chunk_make(uint32_t index)
{
    struct row *nobody = NULL;
    if (atomic_load_explicit(&chunks[index], memory_order_acquire))
        return true;
    struct row *fresh = arena_map(CHUNK * sizeof *fresh);
    return fresh && (atomic_compare_exchange_strong(&chunks[index], &nobody, fresh) || nobody);
}

/* A row that never was used. 0: there is none; else its index + 1. Whoever looks for a free
 * one at this moment may be faster: then it is the next. */
static uint32_t row_fresh(void)
{
    for (;;) {
        uint32_t index = atomic_load(&used);
        do {
            if (index >= ROWS || !chunk_make(index / CHUNK))
                return 0;
        } while (!atomic_compare_exchange_weak(&used, &index, index + 1));
        if (row_claim(row_at(index), OWNER_FREE))
            return index + 1;
    }
}

/* Two stacks cannot be at one place: what overlaps is no more, whatever it says. Of the
 * rows that have to go the first one is taken over. */
static uint32_t row_find(const struct thread_stack *stack)
{
    uint32_t found = 0, count = atomic_load(&used);
    for (uint32_t i = 0; i < count; i++) {
        struct row *row = row_at(i);
        uint64_t owner = atomic_load_explicit(&row->owner, memory_order_acquire);
        if (row_state(owner) < OWNER_ALIVE ||
            atomic_load_explicit(&row->low, memory_order_relaxed) >= stack->high ||
            atomic_load_explicit(&row->high, memory_order_relaxed) <= stack->low)
            continue;
        if (!found && row_claim(row, owner))
            found = i + 1;
        else
            atomic_compare_exchange_strong(&row->owner, &owner, OWNER_FREE);
    }
    for (uint32_t i = 0; i < count && !found; i++)
        if (atomic_load_explicit(&row_at(i)->owner, memory_order_relaxed) == OWNER_FREE &&
            row_claim(row_at(i), OWNER_FREE))
            found = i + 1;
    return found ? found : row_fresh();
}

static uint64_t owner_of(uint32_t tid, bool is_given)
{
    uint64_t use = atomic_fetch_add_explicit(&uses, 1, memory_order_relaxed);
    return use << OWNER_USE_SHIFT | (uint64_t)(tid & OWNER_TID_MOST) << 3 |
           (is_given ? OWNER_GIVEN : 0) | OWNER_ALIVE;
}

void thread_stack_begins(struct thread_stack here)
{
    self.stack_row = here.low < here.high ? row_find(&here) : 0;
    if (!self.stack_row) {
        HEALTH(thread_stacks_dropped);
        return;
    }
    struct row *row = row_at(self.stack_row - 1);
    atomic_store_explicit(&row->low, here.low, memory_order_relaxed);
    atomic_store_explicit(&row->high, here.high, memory_order_relaxed);
    uint32_t tid = self.tid ? self.tid : (uint32_t)sys_gettid();
    uint64_t owner = owner_of(tid, here.is_given);
    atomic_store_explicit(&row->owner, owner, memory_order_release);
}

static void row_end(struct row *row, uint64_t owner)
{
    atomic_store_explicit(&row->owner, owner & OWNER_GIVEN ? OWNER_FREE : owner | OWNER_DEAD,
                          memory_order_release);
}

void thread_stack_ends(void)
{
    struct row *row = self.stack_row ? row_at(self.stack_row - 1) : NULL;
    self.stack_row = 0;
    if (row)
        row_end(row, atomic_load(&row->owner));
}

/* One that another thread was filling when it was copied is lost to the child. */
void thread_stacks_forked(void)
{
    uint32_t count = atomic_load(&used);
    for (uint32_t i = 0; i < count; i++) {
        struct row *row = row_at(i);
        uint64_t owner = atomic_load(&row->owner);
        if (i + 1 == self.stack_row)
            atomic_store(&row->owner, owner_of((uint32_t)sys_gettid(), owner & OWNER_GIVEN));
        else if (row_state(owner) == OWNER_ALIVE)
            row_end(row, owner);
    }
}

void thread_stacks_scan(void (*each)(uintptr_t low, uintptr_t high, uint32_t tid, void *arg),
                        void *arg)
{
    uint32_t count = atomic_load(&used);
    for (uint32_t i = 0; i < count; i++) {
        struct row *row = row_at(i);
        uint64_t owner = atomic_load_explicit(&row->owner, memory_order_acquire);
        uintptr_t low = atomic_load_explicit(&row->low, memory_order_relaxed);
        uintptr_t high = atomic_load_explicit(&row->high, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (row_state(owner) >= OWNER_ALIVE &&
            atomic_load_explicit(&row->owner, memory_order_relaxed) == owner)
            each(low, high, row_state(owner) == OWNER_ALIVE ? OWNER_TID(owner) : 0, arg);
    }
}
