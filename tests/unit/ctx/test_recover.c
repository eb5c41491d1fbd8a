/* SPDX-License-Identifier: MIT */
/* CTX_TRY, ctx_fail, CTX_RECOVER: what runs, in which order, and where it goes on. */
#include <fcntl.h>

#include "coroutine.h"
#include "unit.h"

static char ran[256];

static void note(void *letter)
{
    size_t length = strlen(ran);
    ran[length] = *(const char *)letter;
    ran[length + 1] = 0;
}

static void assert_ran(const char *letters)
{
    assert_string_equal(ran, letters);
    ran[0] = 0;
}

static int begin(void **state)
{
    ran[0] = 0;
    return 0;
}

static int end(void **state)
{
    struct ctxtrace_pending row;
    return ctx_defer_pending(0, &row) == 0 || ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED) != 0 ||
           ctx_counted(CTXTRACE_COUNT_OUT_OF_ORDER) != 0;
}

static __attribute__((noinline)) void fail_below(int depth, int code)
{
    char letter[] = {(char)('0' + depth), 0};
    ctx_defer(note, letter);
    if (depth > 0)
        fail_below(depth - 1, code);
    else if (code >= 0)
        ctx_fail(code, "%s %d", "too deep", code);
}

static void nothing_fails(void **state)
{
    CTX_TRY
    {
        ctx_defer(note, (void *)"a");
    }
    CTX_RECOVER(code, cause)
    {
        note((void *)"!");
    }
    assert_ran("a");
}

static void runs_in_between(void **state)
{
    volatile int recovered = 0;
    ctx_defer(note, (void *)"o");
    CTX_TRY
    {
        ctx_defer(note, (void *)"a");
        ctx_defer_as(cancelled, note, (void *)"c");
        ctx_defer_cancel(cancelled);
        fail_below(3, EIO);
        note((void *)"!");
    }
    CTX_RECOVER(code, cause)
    {
        assert_int_equal(code, EIO);
        assert_string_equal(cause, "too deep 5");
        recovered++;
    }
    assert_int_equal(recovered, 1);
    assert_ran("0123a");
    struct ctxtrace_pending row;
    assert_int_equal(ctx_defer_pending(0, &row), 0);
    assert_string_equal(row.arg, "o");
    assert_int_equal(ctx_defer_pending(1, &row), -1);
    ran[0] = 0;
}

static int leave(int how)
{
    for (volatile int i = 0; i < 2; i++) {
        CTX_TRY
        {
            ctx_defer(note, (void *)"t");
            if (how == 0)
                return 10;
            if (how == 1)
                break; /* the block, not the loop */
            if (how == 2)
                goto out;
            if (how == 3)
                ctx_fail(3, "%s", "");
        }
        CTX_RECOVER(code, cause)
        {
            if (i == 0)
                continue;
            return 20 + code;
        }
        note((void *)"-");
    }
    return 30;
out:
    return 40;
}

static void every_way_out(void **state)
{
    CTX_TRY
    {
        assert_int_equal(leave(0), 10);
        assert_ran("t");
        assert_int_equal(leave(1), 30);
        assert_ran("t-t-");
        assert_int_equal(leave(2), 40);
        assert_ran("t");
        assert_int_equal(leave(3), 23);
        assert_ran("t-t");
        /* None of those tries is left to be found. */
        ctx_fail(1, "one");
    }
    CTX_RECOVER(code, cause)
    {
        assert_string_equal(cause, "one");
        note((void *)"r");
    }
    assert_ran("r");
}

static void nested(void **state)
{
    CTX_TRY
    {
        ctx_defer(note, (void *)"a");
        CTX_TRY
        {
            ctx_defer(note, (void *)"b");
            ctx_fail(1, "inner");
        }
        CTX_RECOVER(code, cause)
        {
            assert_ran("b");
            ctx_defer(note, (void *)"c");
            ctx_fail(code + 1, "again: %s", cause);
        }
        note((void *)"!");
    }
    CTX_RECOVER(code, cause)
    {
        assert_int_equal(code, 2);
        assert_string_equal(cause, "again: inner");
        assert_ran("ca");
        CTX_TRY
        {
            ctx_fail(3, "third");
        }
        CTX_RECOVER(inner_code, inner_cause)
        {
            assert_string_equal(inner_cause, "third");
        }
        assert_string_equal(cause, "again: inner"); /* its own, to the end */
    }
    assert_ran("");
}

static void fail_with(void *text)
{
    note((void *)"f");
    ctx_fail(7, "%s", (char *)text);
}

static void recover_within(void *text)
{
    CTX_TRY
    {
        fail_with(text);
    }
    CTX_RECOVER(code, cause)
    {
        note((void *)"r");
    }
}

static void fails_while_failing(void **state)
{
    CTX_TRY
    {
        ctx_defer(note, (void *)"a");
        ctx_defer(fail_with, (void *)"replaced");
        ctx_defer(note, (void *)"b");
        ctx_fail(1, "first");
    }
    CTX_RECOVER(code, cause)
    {
        assert_int_equal(code, 7);
        assert_string_equal(cause, "replaced");
    }
    assert_ran("bfa");
    CTX_TRY
    {
        ctx_defer(note, (void *)"a");
        ctx_defer(recover_within, (void *)"unseen");
        ctx_fail(1, "first");
    }
    CTX_RECOVER(code, cause)
    {
        assert_string_equal(cause, "first");
    }
    assert_ran("fra");
    CTX_TRY
    {
        ctx_defer(note, (void *)"a");
        ctx_defer(fail_with, (void *)"of the end of the block");
    }
    CTX_RECOVER(code, cause)
    {
        assert_int_equal(code, 7);
    }
    assert_ran("fa");
}

static __attribute__((noinline)) void clean_and_fail(int fd, char *block)
{
    CTX_CLOSE_FD(fd);
    CTX_FREE(block);
    fd = dup(fd);              /* the variable's: the one that it holds now */
    ctx_fail(fd, "%s", block); /* formatted before the block is gone */
}

static void variables_are_seen(void **state)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char *block = malloc(16);
    strcpy(block, "in the block");
    CTX_TRY
    {
        clean_and_fail(ends[0], block);
    }
    CTX_RECOVER(code, cause)
    {
        assert_string_equal(cause, "in the block");
        assert_int_equal(fcntl(code, F_GETFD), -1);
        assert_int_equal(close(ends[0]), 0);
    }
    close(ends[1]);
}

static void the_cause_is_cut(void **state)
{
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    CTX_TRY
    {
        ctx_fail(0, "%s", text);
    }
    CTX_RECOVER(code, cause)
    {
        assert_int_equal(code, 0);
        assert_int_equal(strlen(cause), 255);
    }
}

static void the_active_context_is_back(void **state)
{
    ctx_t *outer = ctx_with_name(NULL, "outer"), *inner = ctx_with_name(outer, "inner");
    CTX_SCOPE(outer)
    {
        CTX_TRY
        {
            CTX_SCOPE(inner)
            CTX_SCOPE(outer)
            ctx_fail(1, "out of the scopes");
        }
        CTX_RECOVER(code, cause)
        {
            assert_ptr_equal(ctx_current(), outer);
        }
    }
    assert_ptr_equal(ctx_current(), ctx_background());
    ctx_release(inner), ctx_release(outer);
}

static void *fail_in_thread(void *caught)
{
    for (volatile int i = 0; i < 100; i++) {
        CTX_TRY
        {
            fail_below(0, i);
        }
        CTX_RECOVER(code, cause)
        {
            *(int *)caught += code == i;
        }
    }
    return NULL;
}

static void threads_have_their_own(void **state)
{
    pthread_t threads[2];
    int caught[2] = {0};
    static char unused[64];
    memset(unused, 0, sizeof unused);
    pthread_create(&threads[0], NULL, fail_in_thread, &caught[0]);
    pthread_join(threads[0], NULL);
    ran[0] = 0;
    pthread_create(&threads[1], NULL, fail_in_thread, &caught[1]);
    pthread_join(threads[1], NULL);
    assert_true(caught[0] == 100 && caught[1] == 100);
}

/* ---- coroutines ---- */

static void try_in_turns(void *letters)
{
    char *letter = letters;
    CTX_TRY
    {
        ctx_defer(note, &letter[0]);
        coroutine_leave();
        ctx_fail(letter[1], "of %c", letter[0]);
    }
    CTX_RECOVER(code, cause)
    {
        assert_int_equal(code, letter[1]);
        assert_int_equal(cause[3], letter[0]);
        coroutine_leave();
    }
}

static void turns_of(struct coroutine *one, struct coroutine *other)
{
    coroutine_begin(one, try_in_turns, (void *)"aA");
    coroutine_begin(other, try_in_turns, (void *)"bB");
    CTX_TRY
    {
        ctx_defer(note, (void *)"m");
        coroutine_enter(one), coroutine_enter(other);
        coroutine_enter(one), coroutine_enter(other);
        assert_ran("ab");
        coroutine_enter(one);
        coroutine_begin(one, try_in_turns, (void *)"aA");
        coroutine_enter(one);
        ctx_fail(1, "outside"); /* with a try that is nearer, and not around */
    }
    CTX_RECOVER(code, cause)
    {
        assert_string_equal(cause, "outside");
        assert_ran("m");
        coroutine_enter(one);
        assert_ran("a");
        coroutine_enter(one), coroutine_enter(other);
    }
}

static void coroutines(void **state)
{
    static char memory[2][COROUTINE_STACK];
    struct coroutine one = {.stack = memory[0]}, other = {.stack = memory[1]};
    turns_of(&one, &other);
}

static void coroutines_within_the_stack(void **state)
{
    char memory[2][COROUTINE_STACK];
    struct coroutine one = {.stack = memory[0]}, other = {.stack = memory[1]};
    turns_of(&one, &other);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(nothing_fails),          UNIT(runs_in_between),
        UNIT(every_way_out),          UNIT(nested),
        UNIT(fails_while_failing),    UNIT(variables_are_seen),
        UNIT(the_cause_is_cut),       UNIT(the_active_context_is_back),
        UNIT(threads_have_their_own),
    };
    const struct CMUnitTest switching[] = {
        UNIT(coroutines),
        UNIT(coroutines_within_the_stack),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return CAN_SWITCH ? failed + cmocka_run_group_tests(switching, NULL, NULL) : failed;
}
