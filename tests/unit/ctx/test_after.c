/* SPDX-License-Identifier: MIT */
/* Functions that are called when a context ends, and what stops them. */
#include "unit.h"

#define MANY 1000

static _Atomic int calls;
static _Atomic int gate, entered;

static void count(void *times)
{
    calls += times ? *(int *)times : 1;
}

static void block(void *unused)
{
    entered++;
    comes(&gate, 1);
    calls++;
}

static int begin(void **state)
{
    calls = gate = entered = 0;
    return 0;
}

static void called_once_after_cancel(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *below = ctx_with_cancel(top);
    int ten = 10;
    assert_non_null(ctx_after_func(below, count, NULL));
    assert_non_null(ctx_after_func(top, count, &ten));
    usleep(A_WHILE / 1000);
    assert_int_equal(calls, 0);
    ctx_cancel(top);
    assert_true(comes(&calls, 11));
    ctx_cancel(top);
    ctx_cancel(below);
    ctx_release(top), ctx_release(below);
    usleep(A_WHILE / 1000);
    assert_int_equal(calls, 11);
}

static void called_at_the_deadline(void **state)
{
    ctx_t *contexts[6];
    for (int i = 0; i < 6; i++) { /* not in the order of their deadlines */
        contexts[i] = ctx_with_timeout(NULL, (1 + (i * 5) % 6) * A_WHILE / 6, 0, NULL);
        assert_non_null(ctx_after_func(contexts[i], count, NULL));
    }
    assert_true(comes(&calls, 6)); /* though nobody looks at them */
    for (int i = 0; i < 6; i++) {
        assert_int_equal(ctx_err(contexts[i]), ETIMEDOUT);
        ctx_release(contexts[i]);
    }
}

static void called_at_once_in_an_ended_context(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_cancel(context);
    ctx_after_t *handle = ctx_after_func(context, count, NULL);
    assert_non_null(handle);
    assert_true(comes(&calls, 1));
    assert_int_equal(ctx_stop(handle), 0);
    ctx_release(context);
}

static void stop_prevents_once(void **state)
{
    ctx_t *context = ctx_with_timeout(NULL, LONG_ENOUGH, 0, NULL);
    ctx_after_t *first = ctx_after_func(context, count, NULL);
    ctx_after_t *second = ctx_after_func(context, count, NULL);
    assert_int_equal(ctx_stop(first), 1);
    assert_int_equal(ctx_stop(first), 0);
    assert_int_equal(ctx_stop(NULL), 0);
    ctx_cancel(context);
    assert_true(comes(&calls, 1));
    assert_int_equal(ctx_stop(second), 0);
    ctx_release(context);
}

static void stop_while_it_runs(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_after_t *handle = ctx_after_func(context, block, NULL);
    ctx_cancel(context);
    assert_true(comes(&entered, 1));
    assert_int_equal(ctx_stop(handle), 0);
    gate = 1;
    assert_true(comes(&calls, 1));
    ctx_release(context);
}

static void one_blocks_no_other(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL), *timed = ctx_with_timeout(NULL, A_WHILE, 0, NULL);
    for (int i = 0; i < 3; i++)
        assert_non_null(ctx_after_func(context, block, NULL));
    ctx_cancel(context);
    assert_true(comes(&entered, 3));
    int hundred = 100;
    assert_non_null(ctx_after_func(context, count, &hundred));
    assert_non_null(ctx_after_func(timed, count, &hundred));
    assert_true(comes(&calls, 200));
    gate = 1;
    assert_true(comes(&calls, 203));
    ctx_release(context), ctx_release(timed);
}

static void release_drops_them(void **state)
{
    ctx_t *context = ctx_with_timeout(NULL, A_WHILE, 0, NULL);
    ctx_after_t *handle = ctx_after_func(context, count, NULL);
    ctx_release(context);
    assert_int_equal(ctx_stop(handle), 0);
    usleep(2 * A_WHILE / 1000);
    assert_int_equal(calls, 0);
}

static void never_in_the_background(void **state)
{
    ctx_after_t *handle = ctx_after_func(ctx_background(), count, NULL);
    assert_int_equal(ctx_stop(handle), 1);
}

static void many_in_their_order(void **state)
{
    ctx_after_t *handles[MANY];
    ctx_t *context = ctx_with_timeout(NULL, LONG_ENOUGH, 0, NULL);
    int stopped = 0;
    for (int i = 0; i < MANY; i++)
        handles[i] = ctx_after_func(context, count, NULL);
    for (int i = 0; i < MANY; i += 3)
        stopped += ctx_stop(handles[i]);
    assert_int_equal(stopped, (MANY + 2) / 3);
    ctx_cancel(context);
    assert_true(comes(&calls, MANY - stopped));
    ctx_release(context);
}

/* What it is for: a context of one's own that also ends with another. */
static void end_other(void *other)
{
    ctx_cancel_cause(other, EINTR, "with the other");
    ctx_release(other);
}

static void merged_contexts(void **state)
{
    ctx_t *one = ctx_with_cancel(NULL), *other = ctx_with_cancel(NULL);
    assert_non_null(ctx_after_func(one, end_other, ctx_ref(other)));
    ctx_cancel(one);
    assert_int_equal(ctx_wait(other, LONG_ENOUGH), 0);
    assert_cause(other, EINTR, "with the other");
    ctx_release(one), ctx_release(other);
}

static void leave(void *unused)
{
    calls++;
    pthread_exit(NULL);
}

static void survives_pthread_exit(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    for (int i = 0; i < 100; i++)
        assert_non_null(ctx_after_func(context, leave, NULL));
    ctx_cancel(context);
    assert_true(comes(&calls, 100));
    assert_non_null(ctx_after_func(context, count, NULL));
    assert_true(comes(&calls, 101));
    ctx_release(context);
}

/* An old handle names nothing else, however often its slot is used again. */
static void stop_of_an_old_handle(void **state)
{
    ctx_t *context = ctx_with_cancel(NULL);
    ctx_after_t *old = ctx_after_func(context, count, NULL);
    assert_int_equal(ctx_stop(old), 1);
    for (int i = 0; i < 200 * MANY; i++) {
        ctx_after_t *handle = ctx_after_func(context, count, NULL);
        if (handle == old || ctx_stop(old) || !ctx_stop(handle))
            fail();
    }
    for (int i = 0; i < MANY; i++) { /* nor does a context come to lie there */
        ctx_t *below = ctx_with_cancel(context);
        if ((void *)below == (void *)old || ctx_stop(old))
            fail();
        ctx_release(below);
    }
    ctx_cancel(context), ctx_release(context);
    assert_int_equal(calls, 0);
}

#define UNIT(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(called_once_after_cancel),
        UNIT(called_at_the_deadline),
        UNIT(called_at_once_in_an_ended_context),
        UNIT(stop_prevents_once),
        UNIT(stop_of_an_old_handle),
        UNIT(stop_while_it_runs),
        UNIT(one_blocks_no_other),
        UNIT(release_drops_them),
        UNIT(never_in_the_background),
        UNIT(many_in_their_order),
        UNIT(merged_contexts),
        UNIT(survives_pthread_exit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
