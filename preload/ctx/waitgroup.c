/* SPDX-License-Identifier: MIT */
/*
 * WaitGroups: how much is to be done yet, in one word with all that there is to know at the end:
 *
 *     count (32 bits) | undone (1 bit) | round (15 bits) | beds (16 bits)
 *
 * Who makes the count 0 begins the next round in the same step, and so sees for whom to ring;
 * after it the WaitGroup is not touched any more, since a waiter may have freed it by then. A
 * waiter goes on when the count is 0, or the round is another: though somebody has added since.
 *
 * A wait that its context has ended is told to the tracker. Work that is on its way out then is
 * no mistake, so that is told, too, by who makes the count 0 after all: `undone` says that it is
 * to be told. It is set after the first word went out, so that the second comes second; where
 * the count is 0 by then, the waiter says both.
 *
 * `waiting` counts those within a wait. Nobody may add to a count of 0 while there is any.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <limits.h>

#define COUNT_SHIFT     32
#define COUNT_OF(state) ((state) >> COUNT_SHIFT)
#define ROUND_ONE       (UINT64_C(1) << BED_BITS)
#define UNDONE          (UINT64_C(1) << (COUNT_SHIFT - 1))
#define ROUND_MASK      ((UNDONE - 1) & ~BED_MASK)
#define ROUND_OF(state) ((state)&ROUND_MASK)
#define BED_MASK        (ROUND_ONE - 1)

/* Of a struct that the program may copy, and C++ compile: it has no atomics. */
static uint64_t state_of(const struct ctxtrace_waitgroup *group)
{
    return __atomic_load_n(&group->state, __ATOMIC_SEQ_CST);
}

static bool state_change(struct ctxtrace_waitgroup *group, uint64_t *from, uint64_t to)
{
    return __atomic_compare_exchange_n(&group->state, from, to, true, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static bool is_waited_for(const struct ctxtrace_waitgroup *group)
{
    return __atomic_load_n(&group->waiting, __ATOMIC_SEQ_CST) != 0;
}

static uint64_t state_with(uint64_t state, int64_t count)
{
    if (count > 0)
        return (uint64_t)count << COUNT_SHIFT | (state & (UNDONE | ROUND_MASK | BED_MASK));
    return COUNT_OF(state) ? ROUND_OF(state + ROUND_ONE) : state;
}

/* After all: of what was told as not done. */
static void tell_done(const struct ctxtrace_waitgroup *group, const void *site_pc)
{
    libctx_tell_misuse(CTXTRACE_ATTACH_WAITGROUP_UNDONE, group, NULL, 0, site_pc);
}

void libctx_wg_add(struct ctxtrace_waitgroup *group, int change, const void *site_pc)
{
    uint64_t before = state_of(group);
    int64_t count = 0;
    bool is_early = false;
    do {
        count = (int64_t)COUNT_OF(before) + change;
        is_early = change > 0 && !COUNT_OF(before) && is_waited_for(group);
    } while (count <= INT_MAX && !state_change(group, &before, state_with(before, count)));
    if (count <= 0 && COUNT_OF(before))
        libctx_rouse((uint32_t)(before & BED_MASK), group);
    if (UNLIKELY(count <= 0 && (before & UNDONE)))
        tell_done(group, site_pc);
    if (UNLIKELY(count < 0 || count > INT_MAX)) /* Go's would be negative then, too */
        libctx_misused(CTXTRACE_ATTACH_WAITGROUP_NEGATIVE, group, NULL,
                       (uint64_t)(count < 0 ? -count : count), site_pc);
    if (UNLIKELY(is_early))
        libctx_misused(CTXTRACE_ATTACH_WAITGROUP_REUSED, group, NULL, (uint64_t)count, site_pc);
}

void ctxtrace_wg_add(struct ctxtrace_waitgroup *group, int count)
{
    if (group)
        libctx_wg_add(group, count, __builtin_return_address(0));
}

void ctxtrace_wg_done(struct ctxtrace_waitgroup *group)
{
    if (group)
        libctx_wg_add(group, -1, __builtin_return_address(0));
}

int ctxtrace_wg_count(const struct ctxtrace_waitgroup *group)
{
    return group ? (int)COUNT_OF(state_of(group)) : 0;
}

/* ---- waiting ---- */

/* 0, or the context's err, and how much was not done. */
static int await(struct ctxtrace_waitgroup *group, struct context *context, uint64_t *ret_left)
{
    uint64_t begun = state_of(group);
    for (;;) {
        struct doze doze;
        libctx_doze_begin(&doze, context, group);
        uint64_t state = state_of(group);
        bool is_done = !COUNT_OF(state) || ROUND_OF(state) != ROUND_OF(begun);
        int err = is_done ? 0 : libctx_look_at_end(context);
        bool sleeps = !is_done && !err && state_change(group, &state, state | doze.beds);
        if (sleeps)
            libctx_doze_sleep(&doze, context->deadline_ns);
        libctx_doze_end(&doze);
        if (is_done || err) {
            *ret_left = COUNT_OF(state);
            return err;
        }
    }
}

static void tell_undone(struct ctxtrace_waitgroup *group, struct context *context, uint64_t left,
                        uint64_t round, const void *site_pc)
{
    uint64_t state = state_of(group);
    bool is_done = false;
    if (state & UNDONE) { /* told already */
        libctx_count(CTXTRACE_COUNT_WG_UNDONE);
        return;
    }
    libctx_misused(CTXTRACE_ATTACH_WAITGROUP_UNDONE, group, context, left, site_pc);
    do {
        state = state_of(group);
        is_done = !COUNT_OF(state) || ROUND_OF(state) != round;
    } while (!is_done && !state_change(group, &state, state | UNDONE));
    if (is_done)
        tell_done(group, site_pc);
}

int libctx_wg_wait(struct ctxtrace_waitgroup *group, struct context *context, const void *site_pc)
{
    uint64_t left = 0, begun = state_of(group);
    if (!COUNT_OF(begun))
        return 0;
    __atomic_fetch_add(&group->waiting, 1, __ATOMIC_SEQ_CST);
    libctx_tell_blocked(0, "waitgroup", group);
    int err = await(group, context, &left);
    libctx_tell_blocked(0, NULL, NULL);
    if (err)
        tell_undone(group, context, left, ROUND_OF(begun), site_pc);
    __atomic_fetch_sub(&group->waiting, 1, __ATOMIC_SEQ_CST);
    return err;
}

int ctxtrace_wg_wait(struct ctxtrace_waitgroup *group, ctxtrace_t *handle)
{
    int before = errno;
    struct context *context = libctx_look(handle);
    int err = group ? libctx_wg_wait(group, context, __builtin_return_address(0)) : 0;
    errno = err ? err : before;
    return err ? -1 : 0;
}

void ctxtrace_wg_destroy(struct ctxtrace_waitgroup *group)
{
    uint64_t left = group ? COUNT_OF(state_of(group)) : 0;
    if (group && (left || is_waited_for(group)))
        libctx_misused(CTXTRACE_ATTACH_WAITGROUP_DESTROYED, group, NULL, left,
                       __builtin_return_address(0));
}
