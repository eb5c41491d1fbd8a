/* SPDX-License-Identifier: MIT */
/*
 * errgroup: threads of one context, which the first error ends. A WaitGroup counts them; beside
 * it `active` does for the limit, and holds where those sleep who wait for room. The owner and
 * each function own the group, so that it may be freed too early.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <stdlib.h>

#define ACTIVE_SHIFT      32
#define ACTIVE_ONE        (UINT64_C(1) << ACTIVE_SHIFT)
#define ACTIVE_OF(active) ((active) >> ACTIVE_SHIFT)
#define BED_MASK          ((UINT64_C(1) << BED_BITS) - 1)

struct ctxtrace_group {
    struct ctxtrace_waitgroup waitgroup; /* first: libctx_go knows the group by it */
    ctxtrace_t *context;                 /* owned */
    _Atomic uint64_t active;             /* and beds */
    _Atomic int limit;                   /* below 0: none */
    _Atomic int error;                   /* the first; 0: none */
    _Atomic int references;
};

/* What a thread is given, as a copy. */
struct job {
    struct ctxtrace_group *group;
    int (*fn)(void *arg);
    void *arg;
};

ctxtrace_group_t *ctxtrace_eg_new_at(const struct ctxtrace_site *site, ctxtrace_t *parent)
{
    ctxtrace_t *context = libctx_with_cancel(site, parent, __builtin_return_address(0));
    if (!context)
        return NULL;
    uint32_t before = libctx_tell_charged(libctx_look(context)->parent);
    struct ctxtrace_group *group = calloc(1, sizeof *group);
    libctx_tell_charged_before(before);
    if (!group) {
        ctxtrace_end_owned(&context);
        errno = ENOMEM;
        return NULL;
    }
    group->context = context;
    atomic_init(&group->limit, -1);
    atomic_init(&group->references, 1);
    return group;
}

static void group_unref(struct ctxtrace_group *group)
{
    if (atomic_fetch_sub(&group->references, 1) > 1)
        return;
    ctxtrace_release(group->context);
    free(group);
}

ctxtrace_t *ctxtrace_eg_context(ctxtrace_group_t *group)
{
    return group ? group->context : NULL;
}

/* ---- room ---- */

static bool has_room(const struct ctxtrace_group *group, uint64_t active)
{
    int limit = atomic_load(&((struct ctxtrace_group *)group)->limit);
    return limit < 0 || ACTIVE_OF(active) < (uint64_t)limit;
}

static bool room_take(struct ctxtrace_group *group)
{
    uint64_t active = atomic_load(&group->active);
    while (has_room(group, active))
        if (atomic_compare_exchange_weak(&group->active, &active, active + ACTIVE_ONE))
            return true;
    return false;
}

/* All who wait are woken, and look again. */
static void room_give(struct ctxtrace_group *group)
{
    uint64_t active = atomic_load(&group->active);
    while (
        !atomic_compare_exchange_weak(&group->active, &active, (active - ACTIVE_ONE) & ~BED_MASK))
        ;
    libctx_rouse((uint32_t)(active & BED_MASK), &group->active);
}

/* 0, or the context's err. */
static int room_await(struct ctxtrace_group *group, struct context *context)
{
    for (;;) {
        struct doze doze;
        libctx_doze_begin(&doze, context, &group->active);
        bool is_taken = room_take(group);
        int err = is_taken ? 0 : libctx_look_at_end(context);
        uint64_t active = atomic_load(&group->active);
        bool sleeps = !is_taken && !err && !has_room(group, active) &&
                      atomic_compare_exchange_strong(&group->active, &active, active | doze.beds);
        if (sleeps)
            libctx_doze_sleep(&doze, context->deadline_ns);
        libctx_doze_end(&doze);
        if (is_taken || err)
            return err;
    }
}

int ctxtrace_eg_limit(ctxtrace_group_t *group, int limit)
{
    if (group && ACTIVE_OF(atomic_load(&group->active))) {
        errno = EBUSY;
        return -1;
    }
    if (group) {
        atomic_store(&group->limit, limit);
        libctx_rouse(BED_MASK, &group->active);
    }
    return 0;
}

/* ---- functions ---- */

static void job_run(void *arg)
{
    const struct job *job = arg;
    int none = 0, code = job->fn(job->arg);
    if (code && atomic_compare_exchange_strong(&job->group->error, &none, code))
        ctxtrace_cancel_cause(job->group->context, code, "first error of its group: %d", code);
}

static void job_over(struct ctxtrace_waitgroup *waitgroup)
{
    struct ctxtrace_group *group = (struct ctxtrace_group *)waitgroup;
    room_give(group);
    libctx_wg_add(waitgroup, -1, NULL);
    group_unref(group);
}

static int group_go(struct ctxtrace_group *group, const char *name, int (*fn)(void *arg), void *arg,
                    const void *site_pc)
{
    struct job job = {.group = group, .fn = fn, .arg = arg};
    struct errand errand = {
        .name = name,
        .fn = fn ? job_run : NULL,
        .arg = &job,
        .copied = sizeof job,
        .group = &group->waitgroup,
        .over = job_over,
    };
    atomic_fetch_add(&group->references, 1);
    int failed = libctx_go(&errand, group->context, site_pc);
    if (failed) {
        room_give(group);
        group_unref(group);
    }
    return failed;
}

static int go_or_errno(const struct ctxtrace_site *site, struct ctxtrace_group *group,
                       const char *name, int (*fn)(void *arg), void *arg, bool may_wait,
                       const void *site_pc)
{
    int before = errno, failed = 0;
    if (!group)
        failed = EINVAL;
    else if (!room_take(group))
        failed = may_wait ? room_await(group, libctx_look(group->context)) : EBUSY;
    if (!failed)
        failed = group_go(group, name ? name : site->function, fn, arg, site_pc);
    errno = failed ? failed : before;
    return failed ? -1 : 0;
}

int ctxtrace_eg_go_at(const struct ctxtrace_site *site, ctxtrace_group_t *group, const char *name,
                      int (*fn)(void *arg), void *arg)
{
    return go_or_errno(site, group, name, fn, arg, true, __builtin_return_address(0));
}

int ctxtrace_eg_try_go_at(const struct ctxtrace_site *site, ctxtrace_group_t *group,
                          const char *name, int (*fn)(void *arg), void *arg)
{
    return go_or_errno(site, group, name, fn, arg, false, __builtin_return_address(0));
}

/* ---- the end ---- */

/* A context that has ended keeps the end that it had. */
int ctxtrace_eg_wait(ctxtrace_group_t *group)
{
    if (!group)
        return 0;
    int before = errno;
    libctx_wg_wait(&group->waitgroup, &libctx_background, __builtin_return_address(0));
    ctxtrace_finish(group->context, CTXTRACE_END_OK);
    errno = before;
    return atomic_load(&group->error);
}

void ctxtrace_eg_free(ctxtrace_group_t *group)
{
    if (!group)
        return;
    int before = errno, left = ctxtrace_wg_count(&group->waitgroup);
    if (left)
        libctx_misused(CTXTRACE_ATTACH_WAITGROUP_DESTROYED, &group->waitgroup,
                       libctx_look(group->context), (uint64_t)left, __builtin_return_address(0));
    ctxtrace_cancel(group->context);
    group_unref(group);
    errno = before;
}
