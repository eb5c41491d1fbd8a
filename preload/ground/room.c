/* SPDX-License-Identifier: MIT */
#include "preload/ground/room.h"

#include <stddef.h>
#include <string.h>

#include "preload/ground/arena.h"
#include "preload/ground/guard.h"

_Thread_local struct thread_self self __attribute__((tls_model("initial-exec")));
_Atomic int tracker_state;

/* The free rooms: a Treiber stack. Rooms are 16-byte aligned and addresses
 * have 47 bits, so a 17-bit tag against ABA fits beside the pointer. */
#define TAG_BITS         17u
#define POINTER_OF(word) ((struct thread_room *)(uintptr_t)((word) >> TAG_BITS))
#define NEXT_TAG(word)   (((word) + 1) & ((UINT64_C(1) << TAG_BITS) - 1))

static _Atomic uint64_t free_rooms;

static struct thread_room *room_take(void)
{
    uint64_t head = atomic_load(&free_rooms);
    for (;;) {
        struct thread_room *room = POINTER_OF(head);
        if (!room)
            return NULL;
        /* `next` may be stale when another thread took the room meanwhile;
         * then the tag has moved and the exchange fails. Rooms are never
         * unmapped, so the read itself is safe. */
        struct thread_room *next = atomic_load_explicit(&room->next, memory_order_relaxed);
        uint64_t after = ((uint64_t)(uintptr_t)next << TAG_BITS) | NEXT_TAG(head);
        if (atomic_compare_exchange_weak(&free_rooms, &head, after))
            return room;
    }
}

static _Atomic uint32_t room_depth = ROOM_WALK_DEPTH;
static _Atomic(struct thread_room *) newest_room;

struct thread_room *room_first(void)
{
    return atomic_load(&newest_room);
}

void room_set_depth(uint32_t depth)
{
    if (depth < ROOM_WALK_DEPTH)
        atomic_store_explicit(&room_depth, depth, memory_order_relaxed);
}

/* In the order in which shallow stacks touch the fewest pages. */
static struct thread_room *room_make(void)
{
    size_t depth = atomic_load_explicit(&room_depth, memory_order_relaxed);
    size_t frames = (1 + depth) * sizeof(struct memo_frame);
    size_t words = depth * ROOM_WORDS * sizeof(struct memo_word);
    size_t steps = depth * sizeof(struct walk_step);
    size_t pcs = depth * sizeof(uint64_t);
    struct thread_room *room = arena_alloc(sizeof *room + frames + words + steps + 2 * pcs);
    if (!room)
        return NULL;
    char *at = (char *)(room + 1);
    room->depth = (uint32_t)depth;
    room->memo.frames = (struct memo_frame *)at;
    room->memo.words = (struct memo_word *)(at += frames);
    room->steps = (struct walk_step *)(at += words);
    room->walk[0] = (uint64_t *)(at += steps);
    room->walk[1] = (uint64_t *)(at + pcs);
    room->memo.frames[0].sp = UINTPTR_MAX;
    room->older = atomic_load(&newest_room);
    while (!atomic_compare_exchange_weak(&newest_room, &room->older, room))
        ;
    return room;
}

struct thread_room *room_enter(void)
{
    if (self.left)
        return NULL;
    struct thread_room *room = room_take();
    if (!room)
        room = room_make();
    if (room) {
        /* blocks_* are kept: the last owner's free records are ours now. */
        room->own_stack = room->other_stack = (struct room_range){0, 0};
        room->walking[0] = room->walking[1] = 0;
        room->blocks_busy = room->tallies_busy = 0;
        room->memo.count = 0;
        room->signal_stack = (struct room_range){0, 0};
        room->moving = 0;
        memset(room->failures, 0, sizeof room->failures);
        memset(room->refused, 0, sizeof room->refused);
        self.room = room;
    }
    return room;
}

void room_leave(void)
{
    struct thread_room *room = self.room;
    self.left = 1;
    if (!room)
        return;
    self.room = NULL;
    uint64_t head = atomic_load(&free_rooms);
    uint64_t after;
    do {
        atomic_store_explicit(&room->next, POINTER_OF(head), memory_order_relaxed);
        after = ((uint64_t)(uintptr_t)room << TAG_BITS) | NEXT_TAG(head);
    } while (!atomic_compare_exchange_weak(&free_rooms, &head, after));
}
