/* SPDX-License-Identifier: MIT */
#include "preload/outlets/reach_stacks.h"

#include <stddef.h>
#include <string.h>

#include "preload/facts/task.h"
#include "preload/facts/thread_stacks.h"
#include "preload/ground/arena.h"
#include "preload/ground/room.h"
#include "preload/ground/sys.h"
#include "preload/outlets/reach_areas.h"
#include "preload/outlets/reach_index.h"
#include "preload/outlets/reach_mark.h"
#include "preload/outlets/reach_roots.h"

#define STACKS_MAX       (1u << 16)
#define RED_ZONE         128u  /* below the stack pointer of a function that calls none */
#define DESCRIPTOR_BYTES 8192u /* libc's struct pthread is in the last so many of a stack, */
#define DESCRIPTOR_ALIGN ((uintptr_t)64)
#define THREAD_BYTES     2048u /* less than libc's struct pthread */
#define HOOK_BYTES       8192u /* from there up to the frame of a hook that blocks */

struct stack {
    uintptr_t low, high;
    uint32_t tid; /* 0: its thread has ended */
};
static struct stack *stacks;
static uint32_t stack_count;

/* libc keeps a few stacks of threads that have ended for those to come, and those of threads
 * that have ended unseen (a raw exit), each with the thread's table of thread-local storage: it is
 * named in the descriptor at the end of the stack, whose first and third word are its own address,
 * and whose second is the table. */
static void mark_kept_table(uintptr_t low, uintptr_t high)
{
    uintptr_t lowest = high - low > DESCRIPTOR_BYTES ? high - DESCRIPTOR_BYTES : low;
    if (!areas_readable(lowest, high))
        return;
    for (uintptr_t at = (high - 3 * sizeof at) & ~(DESCRIPTOR_ALIGN - 1); at >= lowest;
         at -= DESCRIPTOR_ALIGN) {
        const uintptr_t *words = (const uintptr_t *)at;
        if (words[0] == at && words[2] == at) {
            mark_words(&words[1], 1);
            return;
        }
    }
}

static void note_stack(uintptr_t low, uintptr_t high, uint32_t tid, void *unused)
{
    (void)unused;
    /* libc may have given a dead one back, unseen; what the program has mapped there is its
     * own. */
    if (tid == 0 && areas_has_range(low, high))
        return;
    areas_take(low, high);
    mark_kept_table(low, high);
    if (stack_count == STACKS_MAX)
        areas.is_full = true;
    else
        stacks[stack_count++] = (struct stack){low, high, tid};
}

static void mark_part(uintptr_t start, uintptr_t end, const struct area *area)
{
    (void)area;
    mark_memory(start, end);
}

static void mark_from(uintptr_t start, uintptr_t end)
{
    areas_within(start, end, mark_part);
}

/* low == high: not known. The first thread has its stack from the kernel. */
static struct stack own_stack(uint32_t tid, uint32_t first_tid)
{
    for (uint32_t i = 0; i < stack_count; i++)
        if (stacks[i].tid == tid)
            return stacks[i];
    for (uint32_t i = 0; tid == first_tid && i < areas.count; i++)
        if (areas.rows[i].flags & AREA_STACK)
            return (struct stack){areas.rows[i].start, areas.rows[i].end, tid};
    return (struct stack){0, 0, tid};
}

/* A coroutine's stack, or one for signals: it ends where its block does, else its area. */
static void mark_other_stack(uintptr_t sp)
{
    uint32_t i = index_find(sp);
    const struct area *area = area_at(sp);
    if (i != INDEX_NONE)
        mark_from(sp, reach_index.items[i].address + index_bytes(i));
    else if (area)
        mark_from(sp, area->end);
}

static void mark_stack(uint32_t tid, uint32_t first_tid, uintptr_t sp)
{
    struct stack stack = own_stack(tid, first_tid);
    if (sp >= stack.low && sp < stack.high) {
        mark_from(sp, stack.high);
        return;
    }
    if (sp)
        mark_other_stack(sp);
    mark_from(stack.low, stack.high); /* where it left that stack, nobody knows */
}

static bool is_near(const void *frame, uintptr_t sp)
{
    return (uintptr_t)frame >= sp && (uintptr_t)frame - sp <= HOOK_BYTES;
}

/* A hook around a call that blocks has its caller's registers in its frame, and says which
 * that is (ground/hook.h, facts/waiting.h). */
static bool is_in_hook(uint32_t tid, uintptr_t sp)
{
    for (uint32_t slot = 0; slot < task_slots(); slot++) {
        const struct task *task = task_slot(slot);
        if (!task || atomic_load(&task->tid) != tid)
            continue;
        const struct thread_self *its = roots_self_of(task);
        if (its && (is_near((const void *)its->blocking, sp) || is_near(its->waiting, sp)))
            return true;
    }
    return false;
}

static void mark_thread(struct reach_roots *roots, const struct reach_thread *thread)
{
    uint32_t reading = atomic_load(&thread->reading);
    uintptr_t sp = thread->sp;
    if (reading == THREAD_UNREAD || reading == THREAD_AWAITED)
        sp = 0;
    else
        mark_words(thread->registers, thread->register_count);
    if (sp == 0 || (reading == THREAD_BLOCKED && !is_in_hook(thread->tid, sp)))
        roots->threads_unread++;
    mark_stack(thread->tid, roots->parent, sp ? sp - RED_ZONE : 0);
}

/* Alternate signal stacks are the kernel's to know, so they are roots. Where nobody is on
 * one now it holds what handlers left behind, maybe amid other data: here, in the copy, it
 * can be wiped. */
static void wipe(uintptr_t start, uintptr_t end, const struct area *area)
{
    if (area->flags & MAPS_WRITE)
        memset((void *)start, 0, end - start);
}

static bool is_in_use(const struct reach_roots *roots, const struct room_range *stack)
{
    bool in_use =
        roots->leaving && roots->place->sp >= stack->low && roots->place->sp < stack->high;
    for (uint32_t i = 0; i < roots->threads->count && !in_use; i++) {
        const struct reach_thread *thread = &roots->threads->rows[i];
        in_use = thread->tid && (atomic_load(&thread->reading) <= THREAD_UNREAD ||
                                 (thread->sp >= stack->low && thread->sp < stack->high));
    }
    return in_use;
}

static void mark_signal_stacks(const struct reach_roots *roots)
{
    for (const struct thread_room *room = room_first(); room; room = room->older) {
        const struct room_range *stack = &room->signal_stack;
        if (stack->low == 0)
            continue;
        mark_words(&stack->low, 1);
        if (!is_in_use(roots, stack))
            areas_within(stack->low, stack->high, wipe);
    }
}

/* A block in the middle of a realloc, by the address that is known of it: how long it is
 * nobody knows, but it ends before the next one. */
static void mark_moving(struct reach_roots *roots)
{
    for (const struct thread_room *room = room_first(); room; room = room->older) {
        const struct area *area = room->moving ? area_at(room->moving) : NULL;
        if (!area)
            continue;
        roots->moving++;
        uint32_t next = index_at(room->moving + 1);
        uintptr_t end = area->end;
        if (next < reach_index.count && reach_index.items[next].address < end)
            end = reach_index.items[next].address;
        mark_words(&room->moving, 1);
        mark_from(room->moving, end);
    }
}

/* What a thread has returned waits in its descriptor for whoever joins it. */
static void mark_results(void)
{
    for (uint32_t slot = 0; slot < task_slots(); slot++) {
        const struct task *task = task_slot(slot);
        uintptr_t thread = task ? atomic_load(&task->pthread) : 0;
        const uint32_t collected = CTT_TASK_JOINED | CTT_TASK_DETACHED;
        uint32_t flags = task ? atomic_load(&task->flags) : 0;
        if (thread && (flags & CTT_TASK_ENDED) && !(flags & collected))
            mark_from(thread, thread + THREAD_BYTES);
    }
}

void stacks_mark(struct reach_roots *roots)
{
    stacks = arena_map(STACKS_MAX * sizeof *stacks);
    if (!stacks)
        return;
    mark_moving(roots);
    mark_results();
    mark_signal_stacks(roots);
    thread_stacks_scan(note_stack, NULL);
    for (uint32_t i = 0; i < roots->threads->count; i++) {
        const struct reach_thread *thread = &roots->threads->rows[i];
        if (thread->tid != 0)
            mark_thread(roots, thread);
    }
    if (roots->leaving == 0)
        return;
    mark_words(roots->place->registers, roots->place->register_count);
    mark_stack(roots->leaving, roots->parent, roots->place->sp);
}
