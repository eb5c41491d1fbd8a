/* SPDX-License-Identifier: MIT */
/*
 * WaitGroups. Misuse, and waits that their context ends, are in test_misuse.c: those are findings.
 *
 * What Go's own tests of sync.WaitGroup assert, and where it is asserted here:
 *
 *   TestWaitGroup: nobody is released before all are done, all are
 *   then; a WaitGroup is used again and again (8 rounds)              released_when_all_are_done
 *   TestWaitGroupRace: what was done before Done is seen after Wait;
 *   a WaitGroup on the stack is gone right after                      done_before_wait_returns
 *   TestWaitGroupAlign: in whatever struct                            in_any_struct
 *   TestWaitGroupGo: a function is called, and counted                goes
 *   TestWaitGroupMisuse: a negative count                             misuse: negative
 *   TestWaitGroupMisuse2, 3 (of old): reuse before a wait is back     misuse: reused
 *   BenchmarkWaitGroupUncontended, AddDone, Wait                      scripts/bench, ctx-wg-X
 */
#include "unit.h"

#define THREADS 16

static int rounds = 2000; /* 100 where CTX_TEST_BRIEF is set: under valgrind */

static void must(int failed)
{
    assert_int_equal(failed, 0);
}

/* ---- as in Go ---- */

struct pair {
    ctx_waitgroup_t first, second;
    _Atomic int released;
};

static void be_one_of_them(void *arg)
{
    struct pair *pair = arg;
    ctx_wg_done(&pair->first);
    if (ctx_wg_wait(&pair->second, ctx_background()) != 0)
        abort();
    pair->released++;
}

static void released_when_all_are_done(void **state)
{
    struct pair pair = {CTX_WG_INIT, CTX_WG_INIT, 0};
    ctx_waitgroup_t threads = CTX_WG_INIT;
    for (int round = 0; round < 8; round++) {
        pair.released = 0;
        ctx_wg_add(&pair.first, THREADS), ctx_wg_add(&pair.second, THREADS);
        for (int i = 0; i < THREADS; i++)
            must(ctx_go(ctx_background(), &threads, "one", be_one_of_them, &pair));
        must(ctx_wg_wait(&pair.first, ctx_background()));
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pair.released, 0);
            ctx_wg_done(&pair.second);
        }
        must(ctx_wg_wait(&threads, ctx_background()));
        assert_int_equal(pair.released, THREADS);
    }
    ctx_wg_destroy(&pair.first), ctx_wg_destroy(&pair.second), ctx_wg_destroy(&threads);
}

static void write_one(void *arg)
{
    *(int *)arg = 1;
}

static void done_before_wait_returns(void **state)
{
    for (int round = 0; round < rounds; round++) {
        ctx_waitgroup_t group = CTX_WG_INIT;
        int one = 0, other = 0; /* no atomics: TSan sees whether they are ordered */
        must(ctx_go(ctx_background(), &group, "one", write_one, &one));
        must(ctx_go(ctx_background(), &group, "other", write_one, &other));
        must(ctx_wg_wait(&group, ctx_background()));
        assert_int_equal(one + other, 2);
    }
}

static void in_any_struct(void **state)
{
    struct {
        char odd;
        ctx_waitgroup_t group;
    } placed[3];
    memset(placed, 0, sizeof placed); /* as good as CTX_WG_INIT */
    for (int i = 0; i < 3; i++) {
        assert_int_equal((uintptr_t)&placed[i].group % 8, 0);
        ctx_wg_add(&placed[i].group, 1);
        ctx_wg_done(&placed[i].group);
        must(ctx_wg_wait(&placed[i].group, ctx_background()));
    }
}

static void goes(void **state)
{
    static ctx_waitgroup_t group = CTX_WG_INIT;
    int called = 0;
    must(ctx_go(ctx_background(), &group, "one", write_one, &called));
    must(ctx_wg_wait(&group, ctx_background()));
    assert_int_equal(called, 1);
}

/* ---- what is asked, and what is nothing ---- */

static void counts(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_wg_add(&group, 3);
    assert_int_equal(ctx_wg_count(&group), 3);
    ctx_wg_add(&group, -2), ctx_wg_add(&group, 0);
    assert_int_equal(ctx_wg_count(&group), 1);
    ctx_wg_done(&group);
    assert_int_equal(ctx_wg_count(&group), 0);
    ctx_wg_add(&group, INT32_MAX);
    assert_int_equal(ctx_wg_count(&group), INT32_MAX);
    ctx_wg_add(&group, -INT32_MAX);
    ctx_wg_add(NULL, 1), ctx_wg_done(NULL), ctx_wg_destroy(NULL);
    assert_int_equal(ctx_wg_count(NULL), 0);
    must(ctx_wg_wait(NULL, ctx_background()));
}

static void nothing_to_wait_for(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *ended = ctx_with_cancel(ctx_background());
    ctx_cancel(ended);
    errno = 77;
    must(ctx_wg_wait(&group, ended));
    must(ctx_wg_wait(&group, ctx_background()));
    assert_int_equal(errno, 77);
    ctx_release(ended);
}

/* ---- beside a context ---- */

static void done_later(void *arg)
{
    usleep(A_WHILE / 1000);
    ctx_wg_done(arg);
}

static void done_before_the_context_ends(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT, threads = CTX_WG_INIT;
    ctx_t *timed = ctx_with_timeout(ctx_background(), LONG_ENOUGH, 0, NULL);
    ctx_t *below = ctx_with_cancel(timed);
    ctx_wg_add(&group, 1);
    must(ctx_go(below, &threads, "later", done_later, &group));
    errno = 77;
    must(ctx_wg_wait(&group, below));
    assert_int_equal(errno, 77);
    must(ctx_wg_wait(&threads, below));
    ctx_cancel(timed);
    ctx_release(below), ctx_release(timed);
}

/* ---- many ---- */

struct crowd {
    ctx_waitgroup_t *group, back;
    ctx_t *context;
    int value;
    _Atomic int woken;
};

static void wait_in_a_crowd(void *arg)
{
    struct crowd *crowd = arg;
    ctx_wg_done(&crowd->back);
    if (ctx_wg_wait(crowd->group, crowd->context) != 0 || crowd->value != 42)
        abort();
    crowd->woken++;
}

static void all_waiters_wake(void **state)
{
    for (int round = 0; round < rounds / 50; round++) {
        ctx_waitgroup_t group = CTX_WG_INIT, threads = CTX_WG_INIT;
        struct crowd crowd = {.group = &group, .back = CTX_WG_INIT};
        crowd.context = ctx_with_cancel(ctx_background());
        ctx_wg_add(&group, 1), ctx_wg_add(&crowd.back, THREADS);
        for (int i = 0; i < THREADS; i++)
            must(ctx_go(crowd.context, &threads, "waiter", wait_in_a_crowd, &crowd));
        must(ctx_wg_wait(&crowd.back, ctx_background()));
        crowd.value = 42;
        ctx_wg_done(&group);
        must(ctx_wg_wait(&threads, ctx_background()));
        assert_int_equal(crowd.woken, THREADS);
        ctx_cancel(crowd.context), ctx_release(crowd.context);
    }
}

/* One thread is done in the very moment when the other begins to wait, and the WaitGroup is gone
 * when that returns. */
static ctx_waitgroup_t *_Atomic next_one;

static void be_done_with_each(void *unused)
{
    for (int i = 0; i < 10 * rounds; i++) {
        ctx_waitgroup_t *mine = NULL;
        while (!(mine = next_one))
            sched_yield();
        next_one = NULL;
        ctx_wg_done(mine);
    }
}

static void no_wake_is_lost(void **state)
{
    ctx_waitgroup_t threads = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(ctx_background());
    must(ctx_go(ctx_background(), &threads, "doer", be_done_with_each, NULL));
    for (int i = 0; i < 10 * rounds; i++) {
        ctx_waitgroup_t *group = calloc(1, sizeof *group);
        ctx_wg_add(group, 1);
        next_one = group;
        for (int spins = i * 7 % 400; spins > 0; spins--)
            __asm__ volatile("");
        must(ctx_wg_wait(group, i % 2 ? context : ctx_background()));
        ctx_wg_destroy(group);
        free(group);
    }
    must(ctx_wg_wait(&threads, ctx_background()));
    ctx_cancel(context), ctx_release(context);
}

/* Adds by those who are counted, as they like. */
static void divide(void *arg)
{
    ctx_waitgroup_t *group = arg;
    static _Atomic unsigned seed = 1;
    seed = seed * 1103515245u + 12345u;
    int more = (seed >> 16) % 3 == 0 ? 2 : 0;
    for (int i = 0; i < more; i++)
        must(ctx_go(ctx_current(), group, "part", divide, group));
}

static void grows_while_waited_for(void **state)
{
    ctx_waitgroup_t group = CTX_WG_INIT;
    ctx_t *context = ctx_with_cancel(ctx_background());
    for (int i = 0; i < rounds / 20; i++)
        must(ctx_go(context, &group, "part", divide, &group));
    must(ctx_wg_wait(&group, context));
    assert_int_equal(ctx_wg_count(&group), 0);
    ctx_cancel(context), ctx_release(context);
}

static void nothing_was_wrong(void **state)
{
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_WG_NEGATIVE), 0);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_WG_REUSED), 0);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_WG_DESTROYED), 0);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_WG_UNDONE), 0);
}

int main(void)
{
    if (getenv("CTX_TEST_BRIEF"))
        rounds = 100;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(released_when_all_are_done),
        cmocka_unit_test(done_before_wait_returns),
        cmocka_unit_test(in_any_struct),
        cmocka_unit_test(goes),
        cmocka_unit_test(counts),
        cmocka_unit_test(nothing_to_wait_for),
        cmocka_unit_test(done_before_the_context_ends),
        cmocka_unit_test(all_waiters_wake),
        cmocka_unit_test(no_wake_is_lost),
        cmocka_unit_test(grows_while_waited_for),
        cmocka_unit_test(nothing_was_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
