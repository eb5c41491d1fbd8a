/* SPDX-License-Identifier: MIT */
#include "preload/facts/job.h"

#include <stddef.h>
#include <string.h>

#include "preload/facts/context_note.h"
#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/health.h"
#include "preload/ground/slotlist.h"
#include "preload/ground/sys.h"

#define SLOT_BITS  16u /* 65535 jobs that have not ended, at most */
#define SLOTS      (1u << SLOT_BITS)
#define CHUNK_BITS 8u
#define CHUNK      (1u << CHUNK_BITS)
#define USES_MASK  (CTT_TASK_DECLARED_ID / SLOTS - 1)

static _Atomic(struct job *) chunks[SLOTS / CHUNK];
static _Atomic uint32_t slots = 1;
static struct slotlist free_slots;

/* ---- slots ---- */

static struct job *slot_at(uint32_t slot)
{
    struct job *chunk = atomic_load_explicit(&chunks[slot >> CHUNK_BITS], memory_order_acquire);
    return chunk ? &chunk[slot & (CHUNK - 1)] : NULL;
}

static _Atomic uint32_t *next_of(uint32_t slot)
{
    return &slot_at(slot)->next_free;
}

static struct job *slot_make(uint32_t slot)
{
    struct job *none = NULL, *fresh = slot_at(slot);
    if (fresh)
        return fresh;
    fresh = arena_map(CHUNK * sizeof *fresh);
    if (fresh)
        atomic_compare_exchange_strong(&chunks[slot >> CHUNK_BITS], &none, fresh);
    return slot_at(slot);
}

static uint32_t slot_take(void)
{
    uint32_t slot = slotlist_pop(&free_slots, next_of);
    if (slot != SLOTLIST_NONE)
        return slot;
    slot = atomic_load_explicit(&slots, memory_order_relaxed);
    do {
        if (slot >= SLOTS || !slot_make(slot))
            return SLOTLIST_NONE;
    } while (!atomic_compare_exchange_weak(&slots, &slot, slot + 1));
    return slot;
}

static struct job *job_get(uint32_t id)
{
    struct job *job = id ? slot_at(id & (SLOTS - 1)) : NULL;
    return job && atomic_load_explicit(&job->id, memory_order_acquire) == id ? job : NULL;
}

uint32_t job_slots(void)
{
    return atomic_load_explicit(&slots, memory_order_acquire);
}

/* ---- jobs ---- */

/* A reader may be copying while the slot is filled anew: as context.c has it. */
#define GET(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

static uint32_t maker(void)
{
    const struct task *task = task_get(task_self());
    uint32_t job = task ? atomic_load(&task->job) : 0;
    return job ? job : self.task;
}

uint32_t job_begin(uint32_t context, const char *name, uint64_t serves, uint32_t stack)
{
    uint32_t slot = slot_take();
    if (slot == SLOTLIST_NONE) {
        HEALTH(jobs_dropped);
        return 0;
    }
    struct job *job = slot_at(slot);
    uint32_t uses = atomic_fetch_add_explicit(&job->uses, 1, memory_order_relaxed) & USES_MASK;
    atomic_thread_fence(memory_order_release);
    SET(job->context, context);
    SET(job->creator, maker());
    SET(job->created_stack, stack);
    SET(job->created_ns, clock_since_ns());
    SET(job->serves, serves);
    atomic_store_explicit(&job->entered_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&job->thread, 0, memory_order_relaxed);
    atomic_store_explicit(&job->block.since_ns, 0, memory_order_relaxed);
    note_text(job->name, JOB_NAME_BYTES, name);
    uint32_t id = CTT_TASK_DECLARED_ID | uses << SLOT_BITS | slot;
    atomic_store_explicit(&job->id, id, memory_order_release);
    return id;
}

/* Never 0, which the clock tells in its first tick: it stands for "not yet". */
static uint64_t now_ns(void)
{
    return clock_since_ns() | 1;
}

/* Of two ends the exchange decides. */
void job_end(uint32_t id)
{
    struct job *job = job_get(id);
    uint32_t expected = id;
    if (job && atomic_compare_exchange_strong(&job->id, &expected, 0))
        slotlist_push(&free_slots, next_of, id & (SLOTS - 1));
}

uint32_t job_enter(uint32_t id)
{
    struct task *task = task_get(task_self());
    if (!task)
        return 0;
    uint32_t before = atomic_exchange(&task->job, id);
    struct job *left = job_get(before), *job = job_get(id);
    uint32_t mine = self.task;
    uint64_t never = 0;
    /* Of one within another the outer keeps its thread, which tells the way back as well. */
    if (left && (!job || atomic_load(&job->thread) == mine))
        atomic_compare_exchange_strong(&left->thread, &mine, 0);
    if (job) {
        atomic_store(&job->thread, self.task);
        atomic_compare_exchange_strong(&job->entered_ns, &never, now_ns());
    }
    return before;
}

/* The text is only read where the time is not 0. */
static void block_set(struct task_block *block, const char *why, uint64_t object)
{
    atomic_store(&block->since_ns, 0);
    if (!why)
        return;
    note_text(block->why, TASK_WHY_BYTES, why);
    SET(block->object, object);
    atomic_store(&block->since_ns, now_ns());
}

void job_blocked(uint32_t id, const char *why, uint64_t object)
{
    struct job *job = job_get(id);
    struct task *task = id ? NULL : task_get(task_self());
    if (job)
        block_set(&job->block, why, object);
    else if (task)
        block_set(&task->block, why, object);
}

/* The thread that forked is the only one here. */
void jobs_forked(void)
{
    const struct task *task = task_get(task_self());
    uint32_t mine = task ? atomic_load(&task->job) : 0, count = job_slots();
    for (uint32_t slot = 1; slot < count; slot++) {
        struct job *job = slot_at(slot);
        uint32_t id = job ? atomic_load(&job->id) : 0;
        if (id && id != mine)
            job_end(id);
    }
}

/* ---- for snapshots ---- */

void task_block_read(const struct task_block *block, struct task_block_copy *ret_copy)
{
    ret_copy->since_ns = atomic_load(&block->since_ns);
    ret_copy->object = GET(block->object);
    memcpy(ret_copy->why, block->why, TASK_WHY_BYTES);
    ret_copy->why[TASK_WHY_BYTES - 1] = '\0';
    if (atomic_load(&block->since_ns) != ret_copy->since_ns)
        ret_copy->since_ns = 0;
}

bool job_read(uint32_t slot, struct job_copy *ret_copy)
{
    const struct job *job = slot_at(slot);
    uint32_t id = job ? atomic_load_explicit(&job->id, memory_order_acquire) : 0;
    if (!id)
        return false;
    *ret_copy = (struct job_copy){
        .id = id,
        .context = GET(job->context),
        .creator = GET(job->creator),
        .created_stack = GET(job->created_stack),
        .thread = atomic_load_explicit(&job->thread, memory_order_relaxed),
        .created_ns = GET(job->created_ns),
        .serves = GET(job->serves),
        .entered_ns = atomic_load_explicit(&job->entered_ns, memory_order_relaxed),
    };
    task_block_read(&job->block, &ret_copy->block);
    memcpy(ret_copy->name, job->name, JOB_NAME_BYTES);
    ret_copy->name[JOB_NAME_BYTES - 1] = '\0';
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&job->id, memory_order_relaxed) == id;
}
