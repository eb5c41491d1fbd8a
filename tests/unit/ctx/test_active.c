/* SPDX-License-Identifier: MIT */
/* Which context is active on a thread, and every way out of a scope (test_misuse.c: the others). */
#include "unit.h"

static void assert_current(ctx_t *context)
{
    assert_ptr_equal(ctx_current(), context);
}

static void pushed_and_popped(void **state)
{
    ctx_t *one = ctx_with_name(NULL, "one"), *other = ctx_with_name(NULL, "other");
    uint64_t wrong = ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER);
    assert_current(ctx_background());
    ctx_token_t outer = ctx_push(one);
    assert_current(one);
    ctx_token_t inner = ctx_push(other);
    assert_current(other);
    ctx_pop(&inner);
    assert_current(one);
    inner = ctx_push(NULL);
    assert_current(ctx_background());
    ctx_pop(&inner);
    ctx_pop(&outer);
    assert_current(ctx_background());
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER), wrong);
    ctx_release(one), ctx_release(other);
}

static int leave_by_return(ctx_t *context)
{
    CTX_SCOPE(context)
    {
        assert_current(context);
        return 1;
    }
    return 0;
}

static void scopes_are_left(void **state)
{
    ctx_t *context = ctx_with_name(NULL, "n"), *inner = ctx_with_name(NULL, "inner");
    int times = 0;
    assert_int_equal(leave_by_return(context), 1);
    assert_current(ctx_background());
    CTX_SCOPE(context)
    {
        times++;
        CTX_SCOPE(inner)
        {
            assert_current(inner);
            times++;
        }
        assert_current(context);
    }
    assert_current(ctx_background());
    for (int i = 0; i < 2; i++)
        CTX_SCOPE(context)
        {
            times++;
            if (i)
                break;
            continue;
        }
    assert_int_equal(times, 4);
    assert_current(ctx_background());
    CTX_SCOPE(context)
    CTX_SCOPE(inner)
    goto out;
out:
    assert_current(ctx_background());
    {
        CTX_ATTACH(context);
        CTX_ATTACH(inner);
        assert_current(inner);
    }
    assert_current(ctx_background());
    ctx_release(context), ctx_release(inner);
}

static void owned_ones_end(void **state)
{
    ctx_t *seen = NULL;
    uint64_t abandoned = ctx_counted(CTXTRACE_COUNT_ABANDONED);
    {
        CTX_OWNED ctx_t *owned = ctx_with_cancel(NULL);
        CTX_OWNED ctx_t *nothing = NULL;
        seen = ctx_with_cancel(owned);
        assert_int_equal(ctx_err(seen), 0);
        assert_null(nothing);
    }
    assert_int_equal(ctx_err(seen), ECANCELED);
    ctx_release(seen);
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_ABANDONED), abandoned);
}

static void remember(void *seen)
{
    *(ctx_t **)seen = ctx_current();
}

static void *restore_it(void *arg)
{
    ctx_captured_t *captured = arg;
    ctx_t *seen = ctx_background();
    assert_current(seen); /* of another thread */
    ctx_token_t token = ctx_restore(*captured);
    seen = ctx_current();
    ctx_pop(&token);
    ctx_drop(captured);
    return seen;
}

static void elsewhere(void **state)
{
    ctx_t *context = ctx_with_name(NULL, "n"), *seen = NULL;
    ctx_captured_t captured;
    pthread_t thread;
    void *result = NULL;
    ctx_run(context, remember, &seen);
    assert_ptr_equal(seen, context);
    assert_current(ctx_background());
    CTX_SCOPE(context)
    captured = ctx_capture();
    ctx_release(context); /* captured owns one, too */
    assert_int_equal(pthread_create(&thread, NULL, restore_it, &captured), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, context);
    assert_null(captured.context);
    seen = NULL;
    ctx_captured_t nothing = ctx_capture();
    ctx_drop(&nothing);
}

static void exit_thread(void *unused)
{
    pthread_exit(NULL);
}

static void *leave_the_thread(void *context)
{
    ctx_run(context, exit_thread, NULL);
    return context;
}

static void scopes_are_left_by_pthread_exit(void **state)
{
    ctx_t *context = ctx_with_name(NULL, "n");
    pthread_t thread;
    void *result = context;
    assert_int_equal(pthread_create(&thread, NULL, leave_the_thread, context), 0);
    pthread_join(thread, &result);
    assert_null(result);
    ctx_release(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushed_and_popped),
        cmocka_unit_test(scopes_are_left),
        cmocka_unit_test(owned_ones_end),
        cmocka_unit_test(elsewhere),
        cmocka_unit_test(scopes_are_left_by_pthread_exit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
