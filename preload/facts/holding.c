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
