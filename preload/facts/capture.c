/* SPDX-License-Identifier: MIT */
/*
 * Capturing: from a hook's call site to a stack's id.
 *
 * Mostly the thread stands where it stood the last time, and the memo says so
 * (unwind_memo.h). Else it walks as far as it must, and interns what is new.
 * The thread's room holds the buffers, so a capture uses little stack; one that
 * a handler makes while another is at work on this thread gets the second
 * buffer and does without the memo.
 */
#include "preload/facts/capture.h"
#include "preload/ground/health.h"
#include "preload/ground/room.h"

_Atomic uint32_t stack_depth_limit = 128;

static const enum health_counter cut_counters[CTT_CUT_COUNT] = {
    [CTT_CUT_DEPTH] = HEALTH_stacks_cut_depth,   [CTT_CUT_NO_MODULE] = HEALTH_stacks_cut_no_module,
    [CTT_CUT_NO_CFI] = HEALTH_stacks_cut_no_cfi, [CTT_CUT_RULE] = HEALTH_stacks_cut_rule,
    [CTT_CUT_BOUNDS] = HEALTH_stacks_cut_bounds, [CTT_CUT_FULL] = HEALTH_stacks_cut_full,
};

static bool range_holds(const struct room_range *range, uintptr_t a, uintptr_t b)
{
    return a >= range->low && a < range->high && b >= range->low && b < range->high;
}

/* Whether the capture marked at `mark` is still at work below us. If not, its
 * frame was left by siglongjmp: it lies lower, on the same stack. */
static bool capture_is_live(const struct thread_room *room, uintptr_t mark, uintptr_t frame)
{
    if (mark == 0)
        return false;
    bool same =
        range_holds(&room->own_stack, mark, frame) || range_holds(&room->other_stack, mark, frame);
    return !(same && mark < frame);
}

/* Which of the room's buffers is free for a capture in this frame; ROOM_WALKS
 * when none is. */
static unsigned buffer_take(struct thread_room *room, uintptr_t frame)
{
    for (unsigned i = 0; i < ROOM_WALKS; i++) {
        if (capture_is_live(room, room->walking[i], frame))
            continue;
        for (unsigned stale = i + 1; stale < ROOM_WALKS; stale++)
            room->walking[stale] = 0;
        room->walking[i] = frame;
        /* A handler must see the mark before we write to the buffer. */
        atomic_signal_fence(memory_order_seq_cst);
        return i;
    }
    return ROOM_WALKS;
}

static void buffer_give(struct thread_room *room, unsigned buffer)
{
    atomic_signal_fence(memory_order_seq_cst);
    room->walking[buffer] = 0;
}

static void cut_count(enum ctt_cut cut)
{
    if (cut != CTT_CUT_NONE)
        health_add(cut_counters[cut], 1);
}

/* By whatever unwinder is asked for, without a memo. */
static uint32_t capture_plain(struct thread_room *room, unsigned buffer,
                              const struct call_site *site, uint32_t depth, const void *entry)
{
    enum ctt_cut cut;
    size_t max = depth < room->depth ? depth : room->depth;
    size_t count = unwind_walk(site, room->walk[buffer], max, &cut);
    cut_count(cut);
    return stack_intern(room->walk[buffer], count, cut, entry);
}

/* The innermost node, for the frames that the memo has now. */
static uint32_t capture_leaf(struct thread_memo *memo, const void *entry)
{
    memo->entry = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    memo->leaf = stack_leaf(memo->frames[memo->count].id, entry);
    atomic_signal_fence(memory_order_seq_cst);
    memo->entry = entry;
    return memo->leaf;
}

/* The whole stack, or its inner part, is new. */
static uint32_t capture_new(struct thread_room *room, const struct call_site *site, uint32_t depth,
                            const void *entry)
{
    struct thread_memo *memo = &room->memo;
    enum ctt_cut cut;
    uint32_t first;
    size_t count;
    bool told = memo_walk(room, site, depth, &first, &count, &cut);
    cut_count(cut);
    if (!told)
        return stack_intern(room->walk[0], count, cut, entry);
    if (first == 1)
        memo->frames[0].id = stack_root(cut);
    stack_extend(&memo->frames[first - 1], count);
    memo_seal(room, first - 1 + (uint32_t)count);
    uint32_t id = capture_leaf(memo, entry);
    memo_remember(room, site, entry, id);
    return id;
}

/* Option verify=unwind: the memo's answer against a walk, and that against
 * libunwind's. */
static uint32_t capture_other(struct thread_room *room, const struct call_site *site,
                              uint32_t depth, const void *entry)
{
    uint32_t id = STACK_NONE;
    if (unwind_verifies()) {
        id = capture_known(room, site, entry);
        id = id != STACK_NONE ? id : capture_new(room, site, depth, entry);
    }
    uint32_t walked = capture_plain(room, 0, site, depth, entry);
    if (id != STACK_NONE && id != walked)
        HEALTH(unwind_differed);
    return walked;
}

uint32_t capture_anew(const struct call_site *site, const void *entry)
{
    struct thread_room *room = room_get();
    uint32_t depth = atomic_load_explicit(&stack_depth_limit, memory_order_relaxed);
    if (!room || depth == 0)
        return STACK_NONE;
    unsigned buffer = buffer_take(room, GUARD_FRAME());
    if (buffer == ROOM_WALKS) {
        HEALTH(stacks_reentered);
        return STACK_NONE;
    }
    uint32_t id;
    if (buffer != 0)
        id = capture_plain(room, buffer, site, depth, entry);
    else if (__builtin_expect(unwind_is_ours(), 1))
        id = capture_new(room, site, depth, entry);
    else
        id = capture_other(room, site, depth, entry);
    buffer_give(room, buffer);
    return id;
}

/* Walked as from a call that would return to the next byte: the unwinder looks a byte
 * before a return address up, which is the instruction's own. */
uint32_t stack_capture_interrupted(const struct call_site *interrupted)
{
    struct call_site site = {interrupted->pc + 1, interrupted->sp, interrupted->fp};
    struct thread_room *room = room_get();
    uint32_t depth = atomic_load_explicit(&stack_depth_limit, memory_order_relaxed);
    unsigned buffer = room && depth ? buffer_take(room, GUARD_FRAME()) : ROOM_WALKS;
    if (buffer == ROOM_WALKS)
        return STACK_NONE;
    enum ctt_cut cut;
    size_t max = depth < room->depth ? depth : room->depth;
    uint64_t *pcs = room->walk[buffer];
    size_t count = unwind_walk(&site, pcs, max, &cut);
    cut_count(cut);
    uint32_t id = STACK_NONE;
    if (count > 0)
        id = stack_intern(pcs + 1, count - 1, cut, (const void *)interrupted->pc);
    buffer_give(room, buffer);
    return id;
}

uint32_t stack_capture(const struct call_site *site, const void *entry)
{
    uint32_t id = capture_again(site, entry);
    return id != STACK_NONE ? id : capture_anew(site, entry);
}
