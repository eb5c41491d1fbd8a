/* SPDX-License-Identifier: MIT */
#include "preload/facts/alternate.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/ground/arena.h"
#include "preload/ground/guard.h"
#include "preload/ground/sys.h"

#define GUARD_BYTES 4096u
#define STACKS_MAX  65536u

struct stack_note {
    char *base;
    _Atomic uint32_t next; /* number of the next free one */
};

/* Numbers are 1 .. made; a note is never moved. The free ones are a list whose
 * head carries a count against ABA in its upper half. */
static _Atomic(struct stack_note *) notes;
static _Atomic uint32_t made;
static _Atomic uint64_t free_head;
static _Atomic bool given_up;

static struct stack_note *notes_get(void)
{
    struct stack_note *table = atomic_load(&notes);
    if (table)
        return table;
    struct stack_note *fresh = arena_map(STACKS_MAX * sizeof *fresh);
    if (fresh && !atomic_compare_exchange_strong(&notes, &table, fresh))
        return table;
    return fresh;
}

static uint32_t free_take(struct stack_note *table)
{
    uint64_t head = atomic_load(&free_head);
    while ((uint32_t)head) {
        uint64_t after = ((head >> 32) + 1) << 32 | atomic_load(&table[(uint32_t)head].next);
        if (atomic_compare_exchange_weak(&free_head, &head, after))
            return (uint32_t)head;
    }
    return 0;
}

static void free_give(struct stack_note *table, uint32_t number)
{
    uint64_t head = atomic_load(&free_head);
    uint64_t after;
    do {
        atomic_store(&table[number].next, (uint32_t)head);
        after = ((head >> 32) + 1) << 32 | number;
    } while (!atomic_compare_exchange_weak(&free_head, &head, after));
}

static uint32_t stack_make(struct stack_note *table)
{
    char *base = arena_map(GUARD_BYTES + ALTERNATE_BYTES);
    if (!base)
        return 0;
    uint32_t number = atomic_fetch_add(&made, 1) + 1;
    if (number >= STACKS_MAX)
        return 0;
    sys_call(SYS_mprotect, (long)base, GUARD_BYTES, PROT_NONE, 0, 0, 0);
    table[number].base = base + GUARD_BYTES;
    return number;
}

bool alternate_is_ours(const void *base)
{
    struct stack_note *table = atomic_load(&notes);
    return base && self.alternate && table && table[self.alternate].base == base;
}

static long alternate_set(const stack_t *set, stack_t *old)
{
    return sys_call(SYS_sigaltstack, (long)set, (long)old, 0, 0, 0, 0);
}

void alternate_give_up(void)
{
    atomic_store(&given_up, true);
}

void alternate_start(void)
{
    struct stack_note *table = notes_get();
    if (!table || self.alternate || atomic_load(&given_up))
        return;
    uint32_t number = free_take(table);
    if (!number)
        number = stack_make(table);
    if (!number)
        return;
    /* One call sets and tells: threads that live for microseconds pay for it. */
    stack_t ours = {.ss_sp = table[number].base, .ss_size = ALTERNATE_BYTES}, before;
    self.alternate = number;
    bool set = alternate_set(&ours, &before) == 0;
    if (set && before.ss_flags & SS_DISABLE)
        return;
    if (set)
        alternate_set(&before, NULL); /* the program was first */
    self.alternate = 0;
    free_give(table, number);
}

void alternate_end(void)
{
    if (!self.alternate)
        return;
    stack_t none = {.ss_flags = SS_DISABLE}, before;
    if (alternate_set(&none, &before) < 0)
        return; /* standing on it: it stays this thread's */
    if (!alternate_is_ours(before.ss_sp))
        alternate_set(&before, NULL);
    uint32_t number = self.alternate;
    self.alternate = 0;
    free_give(atomic_load(&notes), number);
}
