/* SPDX-License-Identifier: MIT */
#include "preload/facts/holding.h"

#include "preload/facts/task.h"
#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

#define NS_PER_MS 1000000u

_Atomic uint64_t inherited_before_ns;
_Atomic bool is_fork_child;

const char *const holding_details[DETAIL_COUNT] = {
#define X(name, text) text,
    HOLDING_DETAILS(X)
#undef X
};

/* Numbers the acquisitions of the whole process; 0 is left out on wrapping. */
uint32_t holding_number(void)
{
    static _Atomic uint32_t last;
    uint32_t live;
    do {
        live = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    } while (live == 0);
    return live;
}

struct holding_copy holding_now(enum ctt_kind_id kind, enum holding_detail detail, uint64_t handle,
                                uint32_t stack)
{
    uint32_t task = task_self();
    struct holding_copy h = {.live = holding_number(),
                             .kind = (uint8_t)kind,
                             .detail = (uint8_t)detail,
                             .context = self.context,
                             .task = task,
                             .stack = stack,
                             .handle = handle,
                             .acquired_ns = clock_since_ns()};
    if (atomic_load_explicit(&tracker_state, memory_order_relaxed) == TRACKER_EARLY)
        h.flags = CTT_HOLDING_EARLY;
    return h;
}

/* A reader may be copying these fields while they are written: its copy is torn
 * then, and thrown away because `live` has changed. Relaxed atomics make that
 * race a defined one, and cost nothing. */
#define GET(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

bool holding_publish(struct holding *slot, const struct holding_copy *from)
{
    bool occupied = atomic_exchange_explicit(&slot->live, 0, memory_order_acq_rel) != 0;
    SET(slot->kind, from->kind);
    SET(slot->detail, from->detail);
    SET(slot->owner_kind, from->owner_kind);
    SET(slot->context, from->context);
    SET(slot->task, from->task);
    SET(slot->stack, from->stack);
    SET(slot->handle, from->handle);
    SET(slot->owner, from->owner);
    SET(slot->acquired_ns, from->acquired_ns);
    SET(slot->bytes, from->bytes);
    atomic_store_explicit(&slot->flags, from->flags, memory_order_relaxed);
    atomic_store_explicit(&slot->last_task, from->last_task, memory_order_relaxed);
    atomic_store_explicit(&slot->last_used_ms, from->last_used_ms, memory_order_relaxed);
    atomic_store_explicit(&slot->live, from->live, memory_order_release);
    return occupied;
}

static void copy_fields(const struct holding *slot, struct holding_copy *to)
{
    to->kind = GET(slot->kind);
    to->detail = GET(slot->detail);
    to->owner_kind = GET(slot->owner_kind);
    to->context = GET(slot->context);
    to->task = GET(slot->task);
    to->stack = GET(slot->stack);
    to->handle = GET(slot->handle);
    to->owner = GET(slot->owner);
    to->acquired_ns = GET(slot->acquired_ns);
    to->bytes = GET(slot->bytes);
    to->flags = atomic_load_explicit(&slot->flags, memory_order_relaxed);
    to->last_task = atomic_load_explicit(&slot->last_task, memory_order_relaxed);
    to->last_used_ms = atomic_load_explicit(&slot->last_used_ms, memory_order_relaxed);
}

bool holding_read(const struct holding *slot, struct holding_copy *ret_copy)
{
    uint32_t live = atomic_load_explicit(&slot->live, memory_order_acquire);
    if (!live)
        return false;
    struct holding_copy copy = {.live = live};
    copy_fields(slot, &copy);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->live, memory_order_relaxed) != live)
        return false;
    *ret_copy = copy;
    return true;
}

bool holding_take(struct holding *slot, struct holding_copy *ret_copy)
{
    uint32_t live = atomic_exchange_explicit(&slot->live, 0, memory_order_acq_rel);
    if (!live)
        return false;
    ret_copy->live = live;
    copy_fields(slot, ret_copy);
    return true;
}

void holding_touch(struct holding *slot)
{
    atomic_store_explicit(&slot->last_task, task_self(), memory_order_relaxed);
    atomic_store_explicit(&slot->last_used_ms, (uint32_t)(clock_since_ns() / NS_PER_MS) + 1,
                          memory_order_relaxed);
}

/* ---- in the state file ---- */

#define MIRROR_TRIES 64

static void row_write(enum state_table table, uint32_t index, const struct holding *slot,
                      const struct holding_copy *copy)
{
    struct state_holding *row = mirror_open(table, index);
    if (!row)
        return;
    MIRROR_SET(row, kind, copy->kind);
    MIRROR_SET(row, detail, copy->detail);
    MIRROR_SET(row, flags, copy->flags);
    MIRROR_SET(row, context, copy->context);
    MIRROR_SET(row, task, copy->task);
    MIRROR_SET(row, stack, copy->stack);
    MIRROR_SET(row, owner_kind, copy->owner_kind);
    MIRROR_SET(row, last_task, copy->last_task);
    MIRROR_SET(row, last_used_ms, copy->last_used_ms);
    MIRROR_SET(row, handle, copy->handle);
    MIRROR_SET(row, owner, copy->owner);
    MIRROR_SET(row, acquired_ns, copy->acquired_ns);
    MIRROR_SET(row, bytes, copy->bytes);
    MIRROR_SET(row, source, copy->detail == DETAIL_DUP ? GET(slot->source) : 0);
    MIRROR_SET(row, source_stack, GET(slot->source_stack));
    mirror_close(row, copy->live);
}

/*
 * Several threads may change a slot, and write its row, at once: each writes what the
 * slot is, and again until the slot is what it has written. So the row is right when
 * all are done: whose write of the row came last looked at the slot after it, and saw
 * every change whose author had written the row before (the fences: a change of the slot
 * comes before its row, a row before the look).
 */
void holding_mirror_now(enum state_table table, uint32_t index, const struct holding *slot)
{
    for (int tries = 0; tries < MIRROR_TRIES; tries++) {
        struct holding_copy copy;
        atomic_thread_fence(memory_order_seq_cst);
        if (holding_read(slot, &copy)) {
            row_write(table, index, slot, &copy);
        } else {
            copy.live = 0;
            mirror_clear(table, index);
        }
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&slot->live) == copy.live &&
            (!copy.live || atomic_load(&slot->flags) == copy.flags))
            return;
    }
}

void holding_mirror_details(void)
{
    for (uint32_t i = 0; i < DETAIL_COUNT; i++) {
        struct state_detail *row = mirror_open(STATE_DETAIL, i);
        if (!row)
            return;
        mirror_text(row->text, sizeof row->text, holding_details[i]);
        mirror_close(row, 1);
    }
}
