/* SPDX-License-Identifier: MIT */
#include "preload/books/graveyard.h"

#include <stddef.h>

#include "preload/ground/arena.h"
#include "preload/ground/health.h"

#define GRAVES_BITS 16u /* 2 MiB, touched as they are used */
#define ADDRESS_LOW 4u  /* bits that are the same in all blocks */

/* `turn` is odd while somebody writes; who finds it so goes away. A reader believes what
 * it has copied between two looks at the same even turn. */
struct place {
    _Atomic uint32_t turn;
    _Atomic uint32_t acquired_stack, released_stack, released_task;
    _Atomic uint64_t address; /* 0: none */
};

_Atomic bool graves_kept;
static struct place *places;

void graves_begin(void)
{
    places = arena_map(sizeof *places << GRAVES_BITS);
    atomic_store_explicit(&graves_kept, places != NULL, memory_order_release);
}

static struct place *place_of(uint64_t address)
{
    uint64_t mixed = (address >> ADDRESS_LOW) * UINT64_C(0x9e3779b97f4a7c15);
    return &places[mixed >> (64 - GRAVES_BITS)];
}

static bool place_take(struct place *place, uint32_t *ret_turn)
{
    *ret_turn = atomic_load_explicit(&place->turn, memory_order_relaxed);
    return !(*ret_turn & 1) &&
           atomic_compare_exchange_strong_explicit(&place->turn, ret_turn, *ret_turn + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

static void place_let_go(struct place *place, uint32_t turn)
{
    atomic_store_explicit(&place->turn, turn + 2, memory_order_release);
}

/* A signal handler that finds the place taken by what it has interrupted goes away,
 * too; so does a fork's child that finds it so for ever. */
void grave_dig(const struct grave *grave)
{
    struct place *place = place_of(grave->address);
    uint32_t turn;
    if (!place_take(place, &turn)) {
        HEALTH(graves_missed);
        return;
    }
    atomic_store_explicit(&place->address, grave->address, memory_order_relaxed);
    atomic_store_explicit(&place->acquired_stack, grave->acquired_stack, memory_order_relaxed);
    atomic_store_explicit(&place->released_stack, grave->released_stack, memory_order_relaxed);
    atomic_store_explicit(&place->released_task, grave->released_task, memory_order_relaxed);
    place_let_go(place, turn);
}

/* Without taking the place: whatever is being written meanwhile is of another address,
 * since this one is the caller's now. */
void grave_fill(uint64_t address)
{
    atomic_compare_exchange_strong(&place_of(address)->address, &(uint64_t){address}, 0);
}

bool grave_find(uint64_t address, struct grave *ret)
{
    struct place *place = place_of(address);
    uint32_t turn = atomic_load_explicit(&place->turn, memory_order_acquire);
    *ret = (struct grave){
        .address = atomic_load_explicit(&place->address, memory_order_relaxed),
        .acquired_stack = atomic_load_explicit(&place->acquired_stack, memory_order_relaxed),
        .released_stack = atomic_load_explicit(&place->released_stack, memory_order_relaxed),
        .released_task = atomic_load_explicit(&place->released_task, memory_order_relaxed),
    };
    atomic_thread_fence(memory_order_acquire);
    return !(turn & 1) && atomic_load_explicit(&place->turn, memory_order_relaxed) == turn &&
           ret->address == address;
}
