/* SPDX-License-Identifier: MIT */
/* Contexts as a tree: what ends with what, why, and who is given back when. */
#include "unit.h"

static int many = 100000; /* 5,000 where CTX_TEST_BRIEF is set: under valgrind */

static void roots_never_end(void **state)
{
    ctx_t *roots[] = {ctx_background(), ctx_todo()};
    uint64_t before = ctx_counted(CTXTRACE_COUNT_BACKGROUND_ENDED), deadline;
    for (size_t i = 0; i < ARRAY_LENGTH(roots); i++) {
        ctx_cancel(roots[i]);
        ctx_finish(roots[i], CTX_END_ERROR);
        ctx_release(ctx_ref(roots[i]));
        ctx_release(roots[i]);
        assert_int_equal(ctx_err(roots[i]), 0);
        assert_cause(roots[i], 0, "");
        assert_int_equal(ctx_deadline(roots[i], &deadline), 0);
        assert_null(ctx_parent(roots[i]));
        assert_null(ctx_made_at(roots[i]));
        assert_int_equal(ctx_wait(roots[i], 0), -1);
    }
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_BACKGROUND_ENDED), before + 4);
    assert_ptr_not_equal(roots[0], roots[1]);
    assert_ptr_equal(ctx_background(), roots[0]);
}

static void cancel_goes_down_only(void **state)
{
    ctx_t *top = ctx_with_cancel(ctx_background());
    ctx_t *left = ctx_with_cancel(top), *right = ctx_with_cancel(top);
    ctx_t *below = ctx_with_cancel(left), *lowest = ctx_with_cancel(below);
    ctx_cancel(left);
    assert_int_equal(ctx_err(top), 0);
    assert_int_equal(ctx_err(right), 0);
    assert_int_equal(ctx_err(left), ECANCELED);
    assert_int_equal(ctx_err(below), ECANCELED);
    assert_int_equal(ctx_err(lowest), ECANCELED);
    ctx_cancel(top);
    assert_int_equal(ctx_err(right), ECANCELED);
    assert_ptr_equal(ctx_parent(lowest), below);
    assert_ptr_equal(ctx_parent(top), ctx_background());
    ctx_t *all[] = {top, left, right, below, lowest};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        ctx_release(all[i]);
}

static void born_ended(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL);
    ctx_cancel_cause(parent, EPIPE, "peer %d left", 7);
    ctx_t *child = ctx_with_cancel(parent), *later = ctx_with_timeout(child, CTX_SECOND, 0, NULL);
    assert_int_equal(ctx_err(child), ECANCELED);
    assert_int_equal(ctx_err(later), ECANCELED);
    assert_cause(later, EPIPE, "peer 7 left");
    assert_int_equal(ctx_wait(later, 0), 0);
    ctx_release(parent), ctx_release(child), ctx_release(later);
}

static void first_cause_wins(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL), *child = ctx_with_cancel(parent);
    ctx_cancel_cause(parent, EIO, "disk");
    ctx_cancel_cause(parent, EPIPE, "pipe");
    ctx_cancel_cause(child, EAGAIN, "again");
    ctx_finish(parent, CTX_END_OK);
    assert_cause(parent, EIO, "disk");
    assert_cause(child, EIO, "disk");
    char tiny[3];
    assert_int_equal(ctx_cause(child, tiny, sizeof tiny), EIO);
    assert_string_equal(tiny, "di");
    assert_int_equal(ctx_cause(child, NULL, 0), EIO);
    ctx_release(parent), ctx_release(child);
}

static void own_cause_stays(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL), *child = ctx_with_cancel(parent);
    ctx_t *below = ctx_with_cancel(child);
    ctx_cancel_cause(child, EIO, "own");
    ctx_cancel_cause(parent, EPIPE, "parent's");
    assert_cause(child, EIO, "own");
    assert_cause(below, EIO, "own");
    assert_cause(parent, EPIPE, "parent's");
    ctx_release(parent), ctx_release(child), ctx_release(below);
}

static void causes_without_words(void **state)
{
    ctx_t *plain = ctx_with_cancel(NULL), *coded = ctx_with_cancel(NULL);
    char text[600], shown[600];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ctx_cancel(plain);
    assert_cause(plain, ECANCELED, "cancelled");
    ctx_cancel_cause(coded, 0, "%s", text);
    assert_int_equal(ctx_cause(coded, shown, sizeof shown), ECANCELED);
    assert_int_equal(strlen(shown), 255);
    ctx_release(plain), ctx_release(coded);
}

static void parent_lets_go(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL);
    for (int i = 0; i < 1000; i++) {
        ctx_t *cancelled = ctx_with_cancel(parent), *released = ctx_with_name(parent, "released");
        ctx_cancel(cancelled);
        ctx_release(released);
        ctx_release(cancelled);
    }
    ctx_t *child = ctx_with_cancel(parent);
    ctx_cancel(parent);
    assert_int_equal(ctx_err(child), ECANCELED);
    ctx_release(child), ctx_release(parent);
}

static void child_keeps_its_parent(void **state)
{
    ctx_t *parent = ctx_with_name(NULL, "kept"), *child = ctx_with_cancel(parent);
    ctx_release(parent);
    assert_string_equal(ctx_name(child), "kept");
    ctx_cancel(ctx_parent(child));
    assert_int_equal(ctx_err(child), ECANCELED);
    ctx_release(child);
}

static const ctx_key_t some_key = {"some", NULL, NULL, CTXTRACE_REPORT};

static void ends_through_values(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *value = ctx_with_value(top, &some_key, top);
    ctx_t *name = ctx_with_name(value, "n"), *trace = ctx_with_trace_id(name, "req-1", NULL);
    ctx_t *lowest = ctx_with_cancel(trace);
    ctx_cancel(top);
    assert_int_equal(ctx_err(trace), ECANCELED);
    assert_int_equal(ctx_err(lowest), ECANCELED);
    ctx_release(top), ctx_release(value), ctx_release(name), ctx_release(trace);
    ctx_release(lowest);
}

static void without_cancel_lives(void **state)
{
    ctx_t *top = ctx_with_timeout(NULL, LONG_ENOUGH, 0, NULL);
    ctx_t *value = ctx_with_value(top, &some_key, state);
    ctx_t *apart = ctx_without_cancel(value), *below = ctx_with_cancel(apart);
    uint64_t deadline;
    ctx_cancel(top);
    ctx_t *late = ctx_without_cancel(value);
    assert_int_equal(ctx_err(value), ECANCELED);
    assert_int_equal(ctx_err(apart), 0);
    assert_int_equal(ctx_err(below), 0);
    assert_int_equal(ctx_err(late), 0);
    assert_int_equal(ctx_deadline(apart, &deadline), 0);
    assert_ptr_equal(ctx_value(below, &some_key), state);
    ctx_cancel(apart);
    assert_int_equal(ctx_err(below), ECANCELED);
    ctx_release(top), ctx_release(value), ctx_release(apart), ctx_release(below);
    ctx_release(late);
}

static void finished_is_ended(void **state)
{
    ctx_t *parent = ctx_with_cancel(NULL), *child = ctx_with_cancel(parent);
    ctx_finish(parent, CTX_END_ERROR);
    assert_int_equal(ctx_err(parent), ECANCELED);
    assert_int_equal(ctx_err(child), ECANCELED);
    ctx_release(parent), ctx_release(child);
}

static void deep(void **state)
{
    ctx_t *top = ctx_with_cancel(NULL), *lowest = ctx_ref(top);
    for (int i = 0; i < many; i++) {
        ctx_t *next = ctx_with_cancel(lowest);
        ctx_release(lowest);
        lowest = next;
    }
    ctx_cancel_cause(top, EIO, "deep");
    assert_cause(lowest, EIO, "deep");
    ctx_release(top);
    ctx_release(lowest); /* all of them */
}

static void wide(void **state)
{
    ctx_t **children = malloc((size_t)many * sizeof(ctx_t *));
    ctx_t *top = ctx_with_cancel(NULL);
    for (int i = 0; i < many; i++)
        children[i] = ctx_with_cancel(top);
    ctx_cancel(top);
    for (int i = 0; i < many; i++)
        assert_int_equal(ctx_err(children[i]), ECANCELED);
    for (int i = 0; i < many; i++)
        ctx_release(children[i]);
    ctx_release(top);
    free(children);
}

static void layers(void **state)
{
    ctx_t *tops[3], *lowest = ctx_ref(ctx_background());
    int top = 0;
    for (int i = 0; i < 300; i++) {
        ctx_t *next = i % 4 == 0   ? ctx_with_value(lowest, &some_key, &tops[0])
                      : i % 4 == 1 ? ctx_with_timeout(lowest, LONG_ENOUGH, 0, NULL)
                      : i % 4 == 2 ? ctx_with_name(lowest, "layer")
                                   : ctx_with_cancel(lowest);
        ctx_release(lowest);
        lowest = next;
        if (i % 100 == 50)
            tops[top++] = ctx_ref(lowest);
    }
    ctx_cancel(tops[1]);
    assert_int_equal(ctx_err(tops[0]), 0);
    assert_int_equal(ctx_err(tops[2]), ECANCELED);
    assert_int_equal(ctx_err(lowest), ECANCELED);
    assert_ptr_equal(ctx_value(lowest, &some_key), &tops[0]);
    for (int i = 0; i < 3; i++)
        ctx_release(tops[i]);
    ctx_release(lowest);
}

/* Each of a chain looks at itself only. */
static void long_chains_are_released(void **state)
{
    static const ctx_key_t key = {.name = "k"};
    ctx_t *last = ctx_background();
    uint64_t begin_ns = monotonic_ns();
    for (int i = 0; i < 50000; i++) {
        ctx_t *below = ctx_with_value(last, &key, NULL);
        ctx_release(last);
        last = below;
    }
    uint64_t made_ns = monotonic_ns();
    ctx_release(last);
    assert_true(monotonic_ns() - made_ns < 10 * (made_ns - begin_ns) + 10 * A_WHILE);
}

/* Through a pointer: a compiler would say at once that no text is none. */
static void (*volatile cancel_with_text)(ctx_t *context, int code, const char *format,
                                         ...) = ctxtrace_cancel_cause;

static void nulls_are_refused(void **state)
{
    ctx_t *context = ctx_with_timeout(NULL, LONG_ENOUGH, 0, NULL);
    errno = 0;
    assert_null(ctx_with_value(context, NULL, context));
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_null(ctx_after_func(context, NULL, NULL));
    assert_int_equal(errno, EINVAL);
    assert_null(ctx_value(context, NULL));
    assert_int_equal(ctx_deadline(context, NULL), 1);
    ctx_pop(NULL);
    ctx_drop(NULL);
    ctx_run(context, NULL, NULL);
    cancel_with_text(context, EIO, NULL);
    assert_cause(context, EIO, "cancelled");
    ctx_release(context);
}

static void ids_and_sites(void **state)
{
    ctx_t *one = ctx_with_cancel(NULL), *other = ctx_with_cancel(NULL);
    int line = __LINE__ - 1;
    assert_int_equal(ctx_id(ctx_background()), 1);
    assert_int_not_equal(ctx_id(one), ctx_id(other));
    assert_int_equal(ctx_id(one), ctx_id(one));
    assert_int_equal(ctx_made_at(other)->line, line);
    assert_string_equal(ctx_made_at(one)->function, "ids_and_sites");
    assert_non_null(strstr(ctx_made_at(one)->file, "test_tree.c"));
    ctx_cancel(one), ctx_cancel(other);
    ctx_release(one), ctx_release(other);
}

static void errno_is_kept(void **state)
{
    errno = 4711;
    ctx_t *one = ctx_with_timeout(NULL, LONG_ENOUGH, 0, "x");
    ctx_err(one);
    assert_true(ctx_done_fd(one) >= 0);
    ctx_cancel_cause(one, 1, "y");
    assert_int_equal(ctx_wait(one, 0), 0);
    ctx_release(one);
    assert_int_equal(errno, 4711);
}

int main(void)
{
    if (getenv("CTX_TEST_BRIEF"))
        many = 5000;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_never_end),
        cmocka_unit_test(cancel_goes_down_only),
        cmocka_unit_test(born_ended),
        cmocka_unit_test(first_cause_wins),
        cmocka_unit_test(own_cause_stays),
        cmocka_unit_test(causes_without_words),
        cmocka_unit_test(parent_lets_go),
        cmocka_unit_test(child_keeps_its_parent),
        cmocka_unit_test(ends_through_values),
        cmocka_unit_test(without_cancel_lives),
        cmocka_unit_test(finished_is_ended),
        cmocka_unit_test(deep),
        cmocka_unit_test(wide),
        cmocka_unit_test(layers),
        cmocka_unit_test(long_chains_are_released),
        cmocka_unit_test(nulls_are_refused),
        cmocka_unit_test(ids_and_sites),
        cmocka_unit_test(errno_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
