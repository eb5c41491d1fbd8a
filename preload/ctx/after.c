/* SPDX-License-Identifier: MIT */
/*
 * after_func: functions that are called when a context ends, on a thread of libctx, the helper.
 * There is none until the first such function. It sleeps until an end hands it functions, the
 * earliest deadline of a context that has any comes, or a signal handler rings.
 *
 * Before it calls a function it sees to it that another helper watches, so that one which does
 * not return holds up no other; helpers that find another one watching go.
 */
#include "preload/ctx/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define HELPERS_MAX 64
#define HEAP_FIRST  16u

enum after_state { AFTER_PENDING, AFTER_DUE };

struct after {
    struct slot slot;
    uint8_t state; /* enum after_state; the context's stripe, as are the links */
    bool is_waker; /* what it is given lies on the stack of `waiter` */
    pthread_t waiter;
    struct context *context;
    void (*fn)(void *arg);
    void *arg;
    struct after *next, *before;
    struct after *orphan_next;
    size_t heap_place; /* from 1; 0: not in it. The helper's lock. */
    uint64_t deadline_ns;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct after *queue_first, *queue_last;
static struct after **heap; /* by deadline; heap[0] is unused */
static size_t heap_count, heap_room;
static int helpers, watching; /* those that call no function */
static _Atomic uint32_t bell;

void libctx_helper_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void libctx_helper_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void libctx_helper_wake(void)
{
    atomic_fetch_add(&bell, 1);
    libctx_futex_wake(&bell);
}

/* ---- deadlines: a heap, under the helper's lock ---- */

static void heap_set(size_t place, struct after *after)
{
    heap[place] = after;
    after->heap_place = place;
}

/* To where it belongs, from an empty place. */
static void heap_settle(size_t place, struct after *after)
{
    while (place > 1 && heap[place / 2]->deadline_ns > after->deadline_ns) {
        heap_set(place, heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t below = 2 * place;
        if (below > heap_count)
            break;
        if (below < heap_count && heap[below + 1]->deadline_ns < heap[below]->deadline_ns)
            below++;
        if (heap[below]->deadline_ns >= after->deadline_ns)
            break;
        heap_set(place, heap[below]);
        place = below;
    }
    heap_set(place, after);
}

static bool heap_add(struct after *after)
{
    if (heap_count + 1 >= heap_room) {
        size_t room = heap_room ? 2 * heap_room : HEAP_FIRST;
        libctx_tell_own_begin();
        struct after **grown = realloc(heap, room * sizeof(struct after *));
        libctx_tell_own_end();
        if (!grown)
            return false;
        heap = grown;
        heap_room = room;
    }
    heap_settle(++heap_count, after);
    return true;
}

static void heap_remove(struct after *after)
{
    size_t place = after->heap_place;
    if (!place)
        return;
    struct after *last = heap[heap_count--];
    after->heap_place = 0;
    if (last != after)
        heap_settle(place, last);
}

/* ---- the helper ---- */

static struct after *queue_take(void)
{
    struct after *after = queue_first;
    if (after) {
        queue_first = after->next;
        if (!queue_first)
            queue_last = NULL;
    }
    return after;
}

static void after_give(struct after *after)
{
    pthread_mutex_t *stripe = &libctx_stripes[atomic_load(&after->slot.stripe)];
    pthread_mutex_lock(stripe);
    libctx_pool_give(&after->slot);
    pthread_mutex_unlock(stripe);
}

/* The function left by pthread_exit. */
static void helper_is_gone(void *unused)
{
    (void)unused;
    libctx_helper_lock();
    helpers--;
    libctx_helper_unlock();
}

static void after_call(struct after *after)
{
    void (*fn)(void *) = after->fn;
    void *arg = after->arg;
    after_give(after);
    libctx_helper_start();
    pthread_cleanup_push(helper_is_gone, NULL);
    fn(arg);
    pthread_cleanup_pop(0);
}

/* With the lock held: the context at whose deadline somebody has to look, now; owned. */
static struct context *heap_take_due(uint64_t *ret_next_ns)
{
    while (heap_count) {
        struct after *first = heap[1];
        if (first->deadline_ns > libctx_now()) {
            *ret_next_ns = first->deadline_ns;
            return NULL;
        }
        heap_remove(first);
        if (libctx_try_ref(first->context))
            return first->context;
    }
    *ret_next_ns = 0;
    return NULL;
}

static void *helper_main(void *unused)
{
    (void)unused;
    for (;;) {
        uint32_t rung = atomic_load(&bell);
        uint64_t next_ns = 0;
        libctx_attend();
        libctx_helper_lock();
        struct after *after = queue_take();
        struct context *due = after ? NULL : heap_take_due(&next_ns);
        bool is_extra = !after && !due && watching > 1;
        if (after || is_extra)
            watching--;
        if (is_extra)
            helpers--;
        libctx_helper_unlock();
        if (is_extra)
            return NULL;
        if (after) {
            after_call(after);
            libctx_helper_lock();
            watching++;
            libctx_helper_unlock();
        } else if (due) {
            libctx_look_at_end(due);
            libctx_unref(due);
        } else {
            libctx_futex_wait(&bell, rung, next_ns);
        }
    }
}

static int helper_create(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    libctx_stay_loaded();
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return failed;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    libctx_tell_own_begin();
    failed = pthread_create(&thread, &attributes, helper_main, NULL);
    libctx_tell_own_end();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

/* 0, or why there is none that watches. */
static int helper_ensure(void)
{
    libctx_helper_lock();
    bool is_needed = watching < 1 && helpers < HELPERS_MAX;
    if (is_needed)
        watching++, helpers++;
    libctx_helper_unlock();
    int failed = is_needed ? helper_create() : 0;
    if (failed) {
        libctx_helper_lock();
        watching--, helpers--;
        failed = helpers > 0 ? 0 : failed;
        libctx_helper_unlock();
    }
    return failed;
}

void libctx_helper_start(void)
{
    helper_ensure();
}

void libctx_after_queue(struct after *list)
{
    if (!list)
        return;
    libctx_helper_lock();
    if (queue_last)
        queue_last->next = list;
    else
        queue_first = list;
    while (list->next)
        list = list->next;
    queue_last = list;
    libctx_helper_unlock();
    libctx_helper_start();
    libctx_helper_wake();
}

/* In the child: those that were due are called by the parent. */
void libctx_helper_forked(void)
{
    helpers = watching = 0;
    queue_first = queue_last = NULL;
    atomic_store(&libctx_helper_wanted, heap_count > 0);
}

/* ---- a context's functions, under its stripe ---- */

struct after *libctx_after_join(struct after *list, struct after *rest)
{
    struct after *last = list;
    if (!list)
        return rest;
    while (last->next)
        last = last->next;
    last->next = rest;
    return list;
}

static void after_unlink(struct after *after)
{
    if (after->before)
        after->before->next = after->next;
    else
        after->context->afters = after->next;
    if (after->next)
        after->next->before = after->before;
    if (after->deadline_ns) {
        libctx_helper_lock();
        heap_remove(after);
        libctx_helper_unlock();
    }
    after->next = after->before = NULL;
}

struct after *libctx_after_detach(struct context *context)
{
    struct after *list = NULL;
    while (context->afters) {
        struct after *after = context->afters;
        after_unlink(after);
        after->state = AFTER_DUE;
        after->next = list; /* the first one first */
        list = after;
    }
    return list;
}

void libctx_after_drop_all(struct context *context)
{
    libctx_lock(context);
    while (context->afters) {
        struct after *after = context->afters;
        after_unlink(after);
        libctx_pool_give(&after->slot);
    }
    libctx_unlock(context);
}

/* 1: linked, 0: it is due at once, -1: no memory. With the stripe locked. */
static int after_link(struct after *after)
{
    struct context *context = after->context;
    if (context->err) {
        after->state = AFTER_DUE;
        return 0;
    }
    if (context->deadline_ns) {
        libctx_helper_lock();
        after->deadline_ns = context->deadline_ns;
        bool has_room = heap_add(after);
        libctx_helper_unlock();
        if (!has_room)
            return -1;
    }
    after->next = context->afters;
    if (after->next)
        after->next->before = after;
    context->afters = after;
    return 1;
}

/* The generation's low bits lie below the address, the others above it. */
static ctxtrace_after_t *after_handle(const struct after *after, uint32_t generation)
{
    uint64_t high = (uint64_t)(generation / GENERATIONS) << WIDE_SHIFT;
    return (ctxtrace_after_t *)((uintptr_t)after | generation % GENERATIONS | (uintptr_t)high);
}

static struct after *after_look(const ctxtrace_after_t *handle, uint32_t *ret_generation)
{
    uint64_t bits = (uintptr_t)handle;
    *ret_generation = (uint32_t)(bits >> WIDE_SHIFT) * GENERATIONS + bits % GENERATIONS;
    bits &= (UINT64_C(1) << WIDE_SHIFT) - 1;
    return (struct after *)(uintptr_t)(bits - bits % SLOT_BYTES);
}

static ctxtrace_after_t *after_new(ctxtrace_t *handle, void (*fn)(void *arg), void *arg,
                                   bool is_waker)
{
    int before = errno, failed = 0;
    if (!fn) {
        errno = EINVAL;
        return NULL;
    }
    libctx_attend();
    struct context *context = libctx_look(handle);
    struct after *after = libctx_pool_take(SLOT_AFTER);
    if (!after) {
        errno = ENOMEM;
        return NULL;
    }
    after->context = context;
    after->fn = fn;
    after->arg = arg;
    after->is_waker = is_waker;
    after->waiter = pthread_self();
    atomic_store(&after->slot.stripe, (uint8_t)libctx_stripe(context));
    uint32_t generation = atomic_load(&after->slot.generation);
    failed = helper_ensure();
    libctx_lock(context);
    int linked = failed ? -1 : after_link(after);
    if (linked < 0)
        libctx_pool_give(&after->slot);
    libctx_unlock(context);
    if (linked < 0) {
        errno = failed ? failed : ENOMEM;
        return NULL;
    }
    if (linked == 0)
        libctx_after_queue(after);
    else if (context->deadline_ns)
        libctx_helper_wake();
    errno = before;
    return after_handle(after, generation);
}

ctxtrace_after_t *ctxtrace_after_func(ctxtrace_t *handle, void (*fn)(void *arg), void *arg)
{
    return after_new(handle, fn, arg, false);
}

ctxtrace_after_t *libctx_after_wake(ctxtrace_t *handle, void (*fn)(void *arg), void *arg)
{
    return after_new(handle, fn, arg, true);
}

/* ---- in a fork child ---- */

static struct after *orphans; /* the child is alone */

static void orphan_see(void *one)
{
    struct after *after = one;
    if (!after->is_waker || after->state != AFTER_PENDING ||
        pthread_equal(after->waiter, pthread_self()))
        return;
    after->orphan_next = orphans;
    orphans = after;
}

/* A stack that is nobody's any more may be another thread's soon. */
void libctx_after_forked(void)
{
    orphans = NULL;
    libctx_pool_each(SLOT_AFTER, orphan_see);
    while (orphans) {
        struct after *after = orphans;
        orphans = after->orphan_next;
        pthread_mutex_t *stripe = &libctx_stripes[atomic_load(&after->slot.stripe)];
        pthread_mutex_lock(stripe);
        after_unlink(after);
        libctx_pool_give(&after->slot);
        pthread_mutex_unlock(stripe);
    }
}

int ctxtrace_stop(ctxtrace_after_t *handle)
{
    uint32_t generation = 0;
    struct after *after = after_look(handle, &generation);
    if (!after || after->slot.pool != SLOT_AFTER)
        return 0;
    pthread_mutex_t *stripe = &libctx_stripes[atomic_load(&after->slot.stripe)];
    pthread_mutex_lock(stripe);
    bool stops = atomic_load(&after->slot.generation) == generation &&
                 after->slot.use == SLOT_AFTER && after->state == AFTER_PENDING;
    if (stops) {
        after_unlink(after);
        libctx_pool_give(&after->slot);
    }
    pthread_mutex_unlock(stripe);
    return stops;
}
