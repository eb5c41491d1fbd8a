/* SPDX-License-Identifier: MIT */
/*
 * How contexts end: one is marked, then all of its descendants, from parent to child, in a
 * list instead of a recursion, however deep the tree.
 *
 * A context is marked by the first who comes, under its stripe; who marks it takes its children
 * out of its list, and has them (and the links between them) to itself from then on. A walk
 * that meets one which another walk marked waits at its end until that one is settled, that is
 * until all below it is marked, too: so all descendants have ended when a cancel returns,
 * whoever ended them. Walks wait for walks that began further down only, never in a circle.
 *
 * A fork waits for the walks: the child would never see the end of one. Walks that would begin
 * let a fork that waits go first, but only one, so that neither starves.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t walks_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t walks; /* going on */
static _Atomic int forks_waiting;
static _Atomic uint32_t forks_begun;
static __thread unsigned own_walks STATIC_TLS; /* a fork would wait for them */

uint64_t libctx_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* ---- walks and forks ---- */

static void walk_begin(void)
{
    uint32_t begun = atomic_load(&forks_begun);
    while (!own_walks && atomic_load(&forks_waiting) && atomic_load(&forks_begun) == begun)
        libctx_futex_wait(&forks_begun, begun, NO_DEADLINE);
    own_walks++;
    pthread_mutex_lock(&walks_mutex);
    atomic_fetch_add(&walks, 1);
    pthread_mutex_unlock(&walks_mutex);
}

static void walk_end(void)
{
    own_walks--;
    if (atomic_fetch_sub(&walks, 1) == 1 && atomic_load(&forks_waiting))
        libctx_futex_wake(&walks);
}

void libctx_walks_stop(void)
{
    atomic_fetch_add(&forks_waiting, 1);
    for (;;) {
        pthread_mutex_lock(&walks_mutex);
        uint32_t left = atomic_load(&walks);
        if (!left)
            break;
        pthread_mutex_unlock(&walks_mutex);
        libctx_futex_wait(&walks, left, NO_DEADLINE);
    }
    atomic_fetch_sub(&forks_waiting, 1);
    atomic_fetch_add(&forks_begun, 1);
    libctx_futex_wake(&forks_begun);
}

void libctx_walks_forked(void)
{
    atomic_store(&forks_waiting, 0); /* those are the parent's */
}

void libctx_walks_go_on(void)
{
    pthread_mutex_unlock(&walks_mutex);
}

/* ---- the parent's list ---- */

static void list_take(struct context *parent, struct context *child)
{
    if (child->before)
        child->before->next = child->next;
    else
        parent->first_child = child->next;
    if (child->next)
        child->next->before = child->before;
    child->next = child->before = NULL;
    child->linked = false;
}

static void copy_end(struct context *context, const struct context *from)
{
    context->state = from->err == ETIMEDOUT ? CTXTRACE_ATTACH_DEADLINE : CTXTRACE_ATTACH_CANCELLED;
    context->cause_code = from->cause_code;
    context->cause = libctx_cause_ref(from->cause);
    atomic_store(&context->settled, 1);
    atomic_store(&context->err, from->err);
}

void libctx_link(struct context *context)
{
    struct context *parent = context->parent;
    if (context->kind == KIND_WITHOUT_CANCEL || (parent->kind == KIND_ROOT && !parent->err))
        return;
    libctx_lock(parent);
    if (parent->err) {
        copy_end(context, parent);
    } else {
        context->next = parent->first_child;
        if (context->next)
            context->next->before = context;
        parent->first_child = context;
        context->linked = true;
    }
    libctx_unlock(parent);
    if (context->err)
        libctx_tell_ended(context);
}

void libctx_unlink(struct context *context)
{
    struct context *parent = context->parent;
    if (context->kind == KIND_WITHOUT_CANCEL || parent->kind == KIND_ROOT)
        return;
    libctx_lock(parent);
    if (context->linked)
        list_take(parent, context);
    libctx_unlock(parent);
}

/* With the parent's stripe locked. Those whose last owner is going are left to it. */
static struct context *take_children(struct context *parent)
{
    struct context *taken = NULL;
    while (parent->first_child) {
        struct context *child = parent->first_child;
        list_take(parent, child);
        if (libctx_try_ref(child)) {
            child->next = taken;
            taken = child;
        }
    }
    return taken;
}

/* ---- the walk ---- */

struct walk {
    const struct ending *how;
    uint64_t when_ns;             /* deadlines up to then came first */
    struct context *first, *last; /* the descendants, in the order of their ends */
    struct after *due;
    uint64_t stripes; /* where somebody may be waiting */
};

_Static_assert(STRIPES <= 64, "a bit for each");

static struct ending deadline_ending(const struct context *context)
{
    const struct context *owner = context->deadline_owner;
    return (struct ending){
        .err = ETIMEDOUT,
        .code = owner->deadline_code,
        .state = CTXTRACE_ATTACH_DEADLINE,
        .below = CTXTRACE_ATTACH_DEADLINE,
        .cause = owner->deadline_cause,
        .when_ns = owner->deadline_ns,
    };
}

/* What came first, though nobody looked: the walk's end, a handler's, or its deadline. */
static struct ending first_ending(const struct walk *walk, struct context *context,
                                  enum ctxtrace_attach_state state)
{
    struct context *by = atomic_load(&libctx_signalled) ? libctx_signalled_by(context) : NULL;
    struct ending how = *walk->how;
    how.state = state;
    how.when_ns = walk->when_ns;
    if (by && atomic_load(&by->signal_ns) < how.when_ns)
        how = libctx_signal_ending(by);
    if (context->deadline_ns && context->deadline_ns <= how.when_ns)
        how = deadline_ending(context);
    return how;
}

/* With its stripe locked, when it has not ended. */
static void walk_mark(struct walk *walk, struct context *context, enum ctxtrace_attach_state state)
{
    struct ending how = first_ending(walk, context, state);
    struct context *children = take_children(context);
    context->state = how.state;
    context->cause_code = how.code;
    context->cause = libctx_cause_ref(how.cause);
    if (!children && !walk->first) /* alone: no moment between the two that a fork could see */
        atomic_store(&context->settled, 1);
    atomic_store(&context->err, how.err);
    libctx_fd_ended(context);
    walk->due = libctx_after_join(libctx_after_detach(context), walk->due);
    if (!children)
        return;
    if (walk->last)
        walk->last->next = children;
    else
        walk->first = children;
    while (children->next)
        children = children->next;
    walk->last = children;
}

static void walk_descendants(struct walk *walk)
{
    for (struct context *context = walk->first; context; context = context->next) {
        libctx_lock(context);
        context->marked_here = !context->err;
        if (context->marked_here)
            walk_mark(walk, context, walk->how->below);
        libctx_unlock(context);
        if (context->marked_here)
            libctx_tell_ended(context);
    }
    for (struct context *context = walk->first; context; context = context->next)
        while (!context->marked_here && !libctx_park(context, &context->settled, NO_DEADLINE))
            ;
}

/* Who sleeps from now on sees that it has ended. */
static void walk_settle_one(struct walk *walk, struct context *context)
{
    atomic_store(&context->settled, 1);
    if (atomic_load(&context->sleepers))
        walk->stripes |= UINT64_C(1) << libctx_stripe(context);
}

/* `root` last: who waits for it waits for all. */
static void walk_settle(struct walk *walk, struct context *root)
{
    for (struct context *context = walk->first; context; context = context->next)
        walk_settle_one(walk, context);
    walk_settle_one(walk, root);
}

static void walk_finish(struct walk *walk)
{
    for (uint64_t left = walk->stripes; left; left &= left - 1)
        libctx_wake_stripe((unsigned)__builtin_ctzll(left));
    libctx_after_queue(walk->due);
    while (walk->first) {
        struct context *context = walk->first;
        walk->first = context->next;
        libctx_unref(context);
    }
}

static void await_settled(struct context *context)
{
    while (!libctx_park(context, &context->settled, NO_DEADLINE))
        ;
}

void libctx_end(struct context *context, const struct ending *how)
{
    struct walk walk = {.how = how, .when_ns = how->when_ns};
    bool walks_down = false;
    libctx_lock(context);
    if (!context->err && context->first_child) {
        libctx_unlock(context);
        walk_begin();
        walks_down = true;
        libctx_lock(context);
    }
    bool is_first = !context->err;
    if (!walk.when_ns && (context->deadline_ns || context->first_child))
        walk.when_ns = libctx_now();
    if (is_first)
        walk_mark(&walk, context, how->state);
    libctx_unlock(context);
    if (is_first) {
        libctx_tell_ended(context);
        walk_descendants(&walk);
        walk_settle(&walk, context);
    }
    if (walks_down)
        walk_end();
    if (is_first) {
        libctx_unlink(context);
        walk_finish(&walk);
    } else {
        await_settled(context);
    }
}

/* ---- deadlines ---- */

/* Ends where the deadline comes from, which ends this one, too. */
static int expire(struct context *context)
{
    struct context *owner = context->deadline_owner;
    struct ending how = deadline_ending(context);
    libctx_attend();
    libctx_end(owner, &how);
    return atomic_load(&context->err);
}

int libctx_look_at_end(struct context *context)
{
    libctx_attend();
    int err = atomic_load_explicit(&context->err, memory_order_acquire);
    if (!err && atomic_load(&libctx_signalled)) {
        /* Another thread took it upon itself, and has not come there yet. */
        struct context *by = libctx_signalled_first(context);
        if (by) {
            libctx_signal_end(by);
            err = atomic_load(&context->err);
        }
    }
    if (!err && context->deadline_ns && libctx_now() >= context->deadline_ns)
        err = expire(context);
    return err;
}

int ctxtrace_err(ctxtrace_t *handle)
{
    struct context *context = libctx_look(handle);
    int err = atomic_load_explicit(&context->err, memory_order_acquire);
    if (err || LIKELY(!context->deadline_ns && !atomic_load(&libctx_signalled)))
        return err;
    if (libctx_signalled_first(context))
        return ECANCELED;
    if (!context->deadline_ns)
        return 0;
    int before = errno;
    err = libctx_look_at_end(context);
    errno = before;
    return err;
}

/* ---- by hand ---- */

static void end_by_hand(ctxtrace_t *handle, const struct ending *how)
{
    struct context *context = libctx_look(handle);
    int before = errno;
    if (context->kind == KIND_ROOT) {
        if (context != &libctx_released)
            libctx_count(CTXTRACE_COUNT_BACKGROUND_ENDED);
    } else {
        libctx_look_at_end(context); /* its deadline may have come first */
        libctx_end(context, how);
    }
    errno = before;
}

void ctxtrace_cancel(ctxtrace_t *handle)
{
    static const struct ending how = {
        .err = ECANCELED,
        .code = ECANCELED,
        .state = CTXTRACE_ATTACH_CANCELLED,
        .below = CTXTRACE_ATTACH_CANCELLED,
    };
    end_by_hand(handle, &how);
}

void ctxtrace_cancel_cause(ctxtrace_t *handle, int code, const char *format, ...)
{
    char text[CAUSE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    if (format)
        vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct ending how = {
        .err = ECANCELED,
        .code = code ? code : ECANCELED,
        .state = CTXTRACE_ATTACH_CANCELLED,
        .below = CTXTRACE_ATTACH_CANCELLED,
        .cause = libctx_cause_new(format ? text : NULL),
    };
    end_by_hand(handle, &how);
    libctx_cause_unref(how.cause);
}

void ctxtrace_finish(ctxtrace_t *handle, enum ctxtrace_outcome outcome)
{
    struct ending how = {
        .err = ECANCELED,
        .code = ECANCELED,
        .state = outcome == CTXTRACE_END_ERROR ? CTXTRACE_ATTACH_ERROR : CTXTRACE_ATTACH_OK,
        .below = CTXTRACE_ATTACH_CANCELLED,
    };
    end_by_hand(handle, &how);
}
