/* SPDX-License-Identifier: MIT */
/* Many threads at once: makes, cancels, looks, waits and releases in one tree. */
#include <sched.h>

#include "unit.h"

#define THREADS 8
#define NODES   64

static pthread_barrier_t barrier;
static int rounds = 300; /* 20 where CTX_TEST_BRIEF is set: under valgrind */

static void in_threads(void *(*body)(void *), void *arg)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, arg), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* ---- all cancel at once, each somewhere in the tree ---- */

static ctx_t *tree[NODES];

static void make_tree(void)
{
    tree[0] = ctx_with_cancel(NULL);
    for (int i = 1; i < NODES; i++)
        tree[i] = ctx_with_cancel(tree[(i - 1) / 2]);
}

/* When a cancel returns, all below have ended, whoever it was that ended them. */
static void *cancel_somewhere(void *unused)
{
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    for (int round = 0; round < rounds; round++) {
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            make_tree();
        pthread_barrier_wait(&barrier);
        int chosen = (int)(next_random(&seed) % 8);
        ctx_cancel_cause(tree[chosen], chosen + 1, "%d", chosen);
        for (int i = 0; i < NODES; i++) {
            int above = i;
            while (above > chosen)
                above = (above - 1) / 2;
            if (above == chosen && ctx_err(tree[i]) != ECANCELED)
                abort();
        }
        int code = ctx_cause(tree[chosen], NULL, 0);
        if (code < 1 || code > 8)
            abort();
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < NODES / THREADS; i++) { /* each its share */
            static _Atomic int next;
            ctx_release(tree[next++ % NODES]);
        }
    }
    return NULL;
}

static void cancel_storm(void **state)
{
    in_threads(cancel_somewhere, NULL);
}

/* ---- children come and go while the parent ends ---- */

struct shared {
    ctx_t *parent;
    _Atomic int born_ended;
};

static void *make_children(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 60 * rounds; i++) {
        ctx_t *child = ctx_with_cancel(shared->parent), *below = ctx_with_name(child, "below");
        int err = ctx_err(below);
        if (err)
            shared->born_ended++;
        if (i % 3 == 0)
            ctx_cancel(child);
        if ((err || i % 3 == 0) && !ctx_err(below))
            abort();
        ctx_release(child), ctx_release(below);
        if (i == 30 * rounds && pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            ctx_cancel(shared->parent);
    }
    return NULL;
}

static void children_while_it_ends(void **state)
{
    struct shared shared = {.parent = ctx_with_cancel(NULL)};
    in_threads(make_children, &shared);
    assert_int_equal(ctx_err(shared.parent), ECANCELED);
    assert_true(shared.born_ended >= 30 * rounds - 1);
    ctx_release(shared.parent);
}

/* ---- the last owner goes while the parent ends ---- */

static ctx_t *children[THREADS];
static ctx_t *parent;
static _Atomic int taken, called, stopped;

static void note(void *unused)
{
    called++;
}

static void *release_child(void *unused)
{
    for (int round = 0; round < rounds; round++) {
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            parent = ctx_with_timeout(NULL, round % 4 == 0 ? 50000 : LONG_ENOUGH, 0, NULL);
            for (int i = 0; i < THREADS; i++)
                children[i] = ctx_with_cancel(i > 1 ? children[i - 2] : parent);
            taken = 0;
        }
        pthread_barrier_wait(&barrier);
        int mine = taken++;
        if (ctx_done_fd(children[mine]) < 0)
            abort();
        ctx_after_t *handle = ctx_after_func(children[mine], note, NULL);
        if (!handle)
            abort();
        if (mine == 0)
            ctx_cancel(parent);
        else if (mine % 2)
            stopped += ctx_stop(handle);
        ctx_release(children[mine]);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            ctx_release(parent);
    }
    return NULL;
}

static void releases_while_it_ends(void **state)
{
    in_threads(release_child, NULL);
    assert_true(called + stopped <= THREADS * rounds);
}

/* ---- one cancel wakes all, however they wait ---- */

static _Atomic int waiting;

static void *wait_for_end(void *context)
{
    waiting++;
    int way = waiting % 3;
    int result = way == 0   ? ctx_wait(context, LONG_ENOUGH)
                 : way == 1 ? ctx_sleep(context, LONG_ENOUGH) + 1
                            : ctx_poll(context, NULL, 0) + 1;
    return result == 0 ? NULL : context;
}

static void all_waiters_wake(void **state)
{
    for (int round = 0; round < 50; round++) {
        pthread_t threads[THREADS];
        ctx_t *top = ctx_with_cancel(NULL), *below[THREADS];
        waiting = 0;
        for (int i = 0; i < THREADS; i++) {
            below[i] = ctx_with_cancel(i ? below[i / 2] : top);
            assert_int_equal(pthread_create(&threads[i], NULL, wait_for_end, below[i]), 0);
        }
        if (round % 2)
            assert_true(comes(&waiting, THREADS));
        ctx_cancel(top);
        for (int i = 0; i < THREADS; i++) {
            void *result = top;
            pthread_join(threads[i], &result);
            assert_null(result);
            ctx_release(below[i]);
        }
        ctx_release(top);
    }
}

/* ---- an end in the very moment when a wait begins ---- */

static ctx_t *_Atomic next_one;

static void *wait_for_each(void *unused)
{
    for (int i = 0; i < 100 * rounds; i++) {
        ctx_t *mine = NULL;
        while (!(mine = next_one))
            sched_yield();
        if (ctx_wait(mine, LONG_ENOUGH / 4) != 0)
            abort();
        next_one = NULL;
        ctx_release(mine);
    }
    return NULL;
}

static void no_wake_is_lost(void **state)
{
    pthread_t waiter;
    unsigned seed = 1;
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_each, NULL), 0);
    for (int i = 0; i < 100 * rounds; i++) {
        ctx_t *one = ctx_with_cancel(NULL);
        next_one = ctx_ref(one);
        for (unsigned spins = next_random(&seed) % 400; spins > 0; spins--)
            __asm__ volatile("");
        ctx_cancel(one);
        ctx_release(one);
        while (next_one)
            sched_yield();
    }
    pthread_join(waiter, NULL);
}

/* ---- deadlines, noticed by many at once ---- */

static void *look_until_it_ends(void *context)
{
    while (!ctx_err(context))
        ;
    return ctx_err(context) == ETIMEDOUT ? NULL : context;
}

static void deadline_is_seen_by_all(void **state)
{
    for (int round = 0; round < 20; round++) {
        ctx_t *top = ctx_with_timeout(NULL, MILLISECOND, EBUSY, "over"), *lowest = ctx_ref(top);
        for (int i = 0; i < 100; i++) {
            ctx_t *next = ctx_with_cancel(lowest);
            ctx_release(lowest);
            lowest = next;
        }
        in_threads(look_until_it_ends, round % 2 ? top : lowest);
        assert_cause(lowest, EBUSY, "over");
        ctx_release(top), ctx_release(lowest);
    }
}

/* ---- made here, released there: the pool does not grow for it ---- */

static void *release_all(void *made)
{
    ctx_t **contexts = made;
    for (int i = 0; i < 1000; i++)
        ctx_release(contexts[i]);
    return NULL;
}

static void slots_are_used_again(void **state)
{
    static ctx_t *contexts[1000];
    uintptr_t lowest = UINTPTR_MAX, highest = 0;
    for (int round = 0; round < 20; round++) {
        pthread_t thread;
        for (int i = 0; i < 1000; i++) {
            contexts[i] = ctx_with_name(NULL, "n");
            uintptr_t at = (uintptr_t)contexts[i];
            if (round == 0) {
                lowest = at < lowest ? at : lowest;
                highest = at > highest ? at : highest;
            }
            assert_in_range(at, lowest & ~UINT64_C(0xfffff), highest | UINT64_C(0xfffff));
        }
        assert_int_equal(pthread_create(&thread, NULL, release_all, contexts), 0);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
    if (getenv("CTX_TEST_BRIEF"))
        rounds = 20;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_storm),           cmocka_unit_test(children_while_it_ends),
        cmocka_unit_test(releases_while_it_ends), cmocka_unit_test(all_waiters_wake),
        cmocka_unit_test(no_wake_is_lost),        cmocka_unit_test(deadline_is_seen_by_all),
        cmocka_unit_test(slots_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
