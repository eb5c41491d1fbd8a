/* SPDX-License-Identifier: MIT */
#include "preload/books/failure.h"

#include <stdatomic.h>

#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

_Static_assert(FAILURE_SORTS <= ROOM_FAILURES, "a sort without room");

#define NEVER_NS UINT64_C(0)

static void record_set(struct room_failure *record, struct room_failure failure)
{
    uint64_t now = clock_since_ns() | 1; /* never NEVER_NS */
    failure.at_ns = NEVER_NS;
    record->at_ns = NEVER_NS;
    atomic_signal_fence(memory_order_seq_cst);
    *record = failure;
    atomic_signal_fence(memory_order_seq_cst);
    record->at_ns = now;
}

/* False: there is none, or a handler has put another there meanwhile. */
static bool record_get(const struct room_failure *record, struct room_failure *ret_failure)
{
    uint64_t before = record->at_ns;
    atomic_signal_fence(memory_order_seq_cst);
    struct room_failure copy = *record;
    atomic_signal_fence(memory_order_seq_cst);
    if (before == NEVER_NS || record->at_ns != before)
        return false;
    *ret_failure = copy;
    return true;
}

void failure_keep(enum failure_sort sort, struct room_failure failure)
{
    struct thread_room *room = room_get();
    if (room)
        record_set(&room->failures[sort], failure);
}

bool failure_recent(enum failure_sort sort, struct room_failure *ret_failure)
{
    const struct thread_room *room = self.room;
    struct room_failure failure;
    if (!room || !record_get(&room->failures[sort], &failure) ||
        clock_since_ns() > failure.at_ns + FAILURE_RECENT_NS)
        return false;
    *ret_failure = failure;
    return true;
}

void failure_keep_thread(struct room_failure failure)
{
    struct thread_room *room = room_get();
    if (room)
        record_set(&room->refused[room->refused_next++ % ROOM_REFUSED], failure);
}

bool failure_of_thread(uint64_t handle, struct room_failure *ret_failure)
{
    const struct thread_room *room = self.room;
    for (uint32_t i = 0; room && i < ROOM_REFUSED; i++) {
        struct room_failure failure;
        if (record_get(&room->refused[i], &failure) && failure.handle == handle) {
            *ret_failure = failure;
            return true;
        }
    }
    return false;
}
