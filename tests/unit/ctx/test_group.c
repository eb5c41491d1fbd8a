/* SPDX-License-Identifier: MIT */
/*
 * Groups whose first error ends all. A group freed too early is in test_misuse.c.
 *
 * What Go's own tests of errgroup assert, and where it is asserted here:
 *
 *   TestZeroGroup: Wait returns the first error, or nil                first_error
 *   TestWithContext: and ends the context, in either case              first_error
 *   TestCancelCause: the error is the context's cause                  first_error
 *   ExampleGroup_pipeline: an error ends what the others wait for      error_ends_the_others
 *   TestTryGo: fails when there are as many as the limit, works again
 *   when one is done; with limit 1; never with limit 0                 tries
 *   TestGoLimit: never more at once than the limit                     never_above_the_limit
 *   SetLimit panics while any runs limit_is_fixed_while_any_runs Goexit in a function (TestPanic
 * and its like): it counts as done   exits_are_done BenchmarkGo scripts/bench, ctx-go
 */
#include "unit.h"

static int rounds = 20; /* 3 where CTX_TEST_BRIEF is set: under valgrind */

static void must(int failed)
{
    assert_int_equal(failed, 0);
}

static int give(void *code)
{
    return (int)(intptr_t)code;
}

static void first_error(void **state)
{
    static const struct {
        int codes[3], count, wanted;
    } cases[] = {{{0}, 0, 0},       {{0}, 1, 0},           {{EIO}, 1, EIO},   {{-1}, 1, -1},
                 {{0, 0, 0}, 3, 0}, {{0, EIO, 0}, 3, EIO}, {{EIO, 0}, 2, EIO}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        ctx_t *parent = ctx_with_cancel(ctx_background());
        ctx_group_t *group = ctx_eg_new(parent);
        ctx_t *context = ctx_eg_context(group);
        assert_int_equal(ctx_err(context), 0);
        assert_ptr_equal(ctx_parent(context), parent);
        for (int n = 0; n < cases[i].count; n++)
            if (ctx_eg_go(group, "one", give, (void *)(intptr_t)cases[i].codes[n]) != 0) {
                assert_int_equal(errno, ECANCELED); /* an earlier one failed already */
                assert_true(n > 0 && cases[i].wanted);
            }
        errno = 77;
        assert_int_equal(ctx_eg_wait(group), cases[i].wanted);
        assert_int_equal(ctx_eg_wait(group), cases[i].wanted); /* again */
        assert_int_equal(errno, 77);
        assert_int_equal(ctx_err(context), ECANCELED);
        assert_int_equal(ctx_cause(context, NULL, 0),
                         cases[i].wanted ? cases[i].wanted : ECANCELED);
        assert_int_equal(ctx_err(parent), 0);
        ctx_eg_free(group);
        ctx_cancel(parent), ctx_release(parent);
    }
}

static int wait_for_the_end(void *ended)
{
    if (ctx_wait(ctx_current(), LONG_ENOUGH) != 0)
        abort();
    ++*(_Atomic int *)ended;
    return EPIPE; /* a later error */
}

static int fail_with_a_text(void *unused)
{
    ctx_cancel_cause(ctx_current(), EIO, "disk %d", 7);
    return EIO;
}

static void error_ends_the_others(void **state)
{
    _Atomic int ended = 0;
    ctx_group_t *group = ctx_eg_new(ctx_background());
    ctx_t *context = ctx_eg_context(group);
    for (int i = 0; i < 4; i++)
        must(ctx_eg_go(group, "waits", wait_for_the_end, &ended));
    must(ctx_eg_go(group, "fails", give, (void *)EBADF));
    assert_int_equal(ctx_eg_wait(group), EBADF);
    assert_int_equal(ended, 4);
    assert_cause(context, EBADF, "first error of its group: 9");
    assert_int_equal(ctx_eg_go(group, "late", give, NULL), -1);
    assert_int_equal(errno, ECANCELED);
    ctx_eg_free(group);
    group = ctx_eg_new(ctx_background());
    must(ctx_eg_go(group, "fails", fail_with_a_text, NULL));
    assert_int_equal(ctx_eg_wait(group), EIO);
    assert_cause(ctx_eg_context(group), EIO, "disk 7");
    ctx_eg_free(group);
}

static void parent_ends_them(void **state)
{
    _Atomic int ended = 0;
    ctx_t *parent = ctx_with_cancel(ctx_background());
    ctx_group_t *group = ctx_eg_new(parent);
    must(ctx_eg_go(group, "waits", wait_for_the_end, &ended));
    ctx_cancel_cause(parent, EINTR, "enough");
    assert_int_equal(ctx_eg_wait(group), EPIPE);
    assert_cause(ctx_eg_context(group), EINTR, "enough");
    ctx_eg_free(group);
    ctx_release(parent);
}

/* ---- limits ---- */

struct gate {
    _Atomic int open, inside, most;
};

static int stay(void *arg)
{
    struct gate *gate = arg;
    int now = ++gate->inside, most = gate->most;
    while (now > most && !__atomic_compare_exchange_n((int *)&gate->most, &most, now, 0,
                                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    comes(&gate->open, 1);
    gate->inside--;
    return 0;
}

static void tries(void **state)
{
    struct gate gate = {0};
    ctx_group_t *group = ctx_eg_new(ctx_background());
    must(ctx_eg_limit(group, 42));
    for (int i = 0; i < 42; i++)
        must(ctx_eg_try_go(group, "stays", stay, &gate));
    assert_int_equal(ctx_eg_try_go(group, "no room", give, NULL), -1);
    assert_int_equal(errno, EBUSY);
    gate.open = 1;
    must(ctx_eg_go(group, "waits for room", stay, &gate));
    must(ctx_eg_wait(group));
    ctx_eg_free(group);

    group = ctx_eg_new(ctx_background());
    must(ctx_eg_limit(group, 1));
    gate.open = 0;
    must(ctx_eg_try_go(group, "first", stay, &gate));
    assert_int_equal(ctx_eg_try_go(group, "second", stay, &gate), -1);
    gate.open = 1;
    must(ctx_eg_go(group, "third", stay, &gate));
    must(ctx_eg_wait(group));
    ctx_eg_free(group);

    group = ctx_eg_new(ctx_background());
    must(ctx_eg_limit(group, 0));
    for (int i = 0; i < 10; i++)
        assert_int_equal(ctx_eg_try_go(group, "never", stay, &gate), -1);
    must(ctx_eg_limit(group, -1));
    must(ctx_eg_try_go(group, "any", stay, &gate));
    must(ctx_eg_wait(group));
    ctx_eg_free(group);
}

static int come_and_go(void *arg)
{
    struct gate *gate = arg;
    int now = ++gate->inside;
    if (now > 10)
        abort();
    sched_yield();
    gate->inside--;
    return 0;
}

static void never_above_the_limit(void **state)
{
    for (int round = 0; round < rounds; round++) {
        struct gate gate = {0};
        ctx_group_t *group = ctx_eg_new(ctx_background());
        must(ctx_eg_limit(group, 10));
        for (int i = 0; i < 100; i++)
            must(ctx_eg_go(group, "one", come_and_go, &gate));
        must(ctx_eg_wait(group));
        assert_int_equal(gate.inside, 0);
        ctx_eg_free(group);
    }
}

static void limit_is_fixed_while_any_runs(void **state)
{
    struct gate gate = {0};
    ctx_group_t *group = ctx_eg_new(ctx_background());
    must(ctx_eg_go(group, "stays", stay, &gate));
    assert_int_equal(ctx_eg_limit(group, 2), -1);
    assert_int_equal(errno, EBUSY);
    gate.open = 1;
    must(ctx_eg_wait(group));
    must(ctx_eg_limit(group, 2));
    ctx_eg_free(group);
}

static int fail_soon(void *arg)
{
    struct gate *gate = arg;
    comes(&gate->open, 1);
    return EIO;
}

static void open_it(void *gate)
{
    usleep(A_WHILE / 1000);
    ((struct gate *)gate)->open = 1;
}

/* Who waits for room goes when the context ends: by the error, or by its parent. */
static void waits_for_room_end(void **state)
{
    struct gate gate = {0};
    ctx_waitgroup_t helper = CTX_WG_INIT;
    ctx_t *parent = ctx_with_timeout(ctx_background(), A_WHILE, 0, NULL);
    ctx_group_t *group = ctx_eg_new(parent);
    must(ctx_eg_limit(group, 0));
    assert_int_equal(ctx_eg_go(group, "never", give, NULL), -1);
    assert_int_equal(errno, ETIMEDOUT);
    must(ctx_eg_wait(group));
    ctx_eg_free(group);
    ctx_release(parent);

    group = ctx_eg_new(ctx_background());
    must(ctx_eg_limit(group, 2));
    must(ctx_eg_go(group, "stays", wait_for_the_end, &gate.inside));
    must(ctx_eg_go(group, "fails", fail_soon, &gate));
    must(ctx_go(ctx_background(), &helper, "opens", open_it, &gate));
    while (ctx_eg_go(group, "waits for room", give, NULL) == 0)
        ; /* those that came in before the error was seen */
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(ctx_eg_wait(group), EIO);
    must(ctx_wg_wait(&helper, ctx_background()));
    ctx_eg_free(group);
}

/* ---- the rest ---- */

static int leave(void *unused)
{
    pthread_exit(NULL);
}

static void exits_are_done(void **state)
{
    ctx_group_t *group = ctx_eg_new(ctx_background());
    must(ctx_eg_limit(group, 2));
    for (int i = 0; i < 20; i++)
        must(ctx_eg_go(group, "exits", leave, NULL));
    must(ctx_eg_wait(group));
    ctx_eg_free(group);
}

static void none_is_nothing(void **state)
{
    assert_null(ctx_eg_context(NULL));
    assert_int_equal(ctx_eg_go(NULL, "n", give, NULL), -1);
    assert_int_equal(errno, EINVAL);
    must(ctx_eg_limit(NULL, 1));
    must(ctx_eg_wait(NULL));
    ctx_eg_free(NULL);
    ctx_group_t *group = ctx_eg_new(ctx_background());
    must(ctx_eg_limit(group, 1));
    assert_int_equal(ctx_eg_go(group, "n", NULL, NULL), -1);
    assert_int_equal(errno, EINVAL);
    must(ctx_eg_try_go(group, "has its room back", give, NULL));
    must(ctx_eg_wait(group));
    ctx_eg_free(group);
}

int main(void)
{
    if (getenv("CTX_TEST_BRIEF"))
        rounds = 3;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error),           cmocka_unit_test(error_ends_the_others),
        cmocka_unit_test(parent_ends_them),      cmocka_unit_test(tries),
        cmocka_unit_test(never_above_the_limit), cmocka_unit_test(limit_is_fixed_while_any_runs),
        cmocka_unit_test(waits_for_room_end),    cmocka_unit_test(exits_are_done),
        cmocka_unit_test(none_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
