/* SPDX-License-Identifier: MIT */
/* What contexts carry: values, names, traces. */
#include "unit.h"

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN   "00f067aa0ba902b7"
#define PARENT "00-" TRACE "-" SPAN "-01"

static int destroyed;

static void destroy(void *value)
{
    destroyed += *(int *)value;
}

static const ctx_key_t one_key = {"one", NULL, NULL, CTX_REPORT};
static const ctx_key_t other_key = {"other", destroy, NULL, CTX_SECRET};

static void values(void **state)
{
    int a = 1, b = 20, c = 300;
    ctx_t *first = ctx_with_value(NULL, &one_key, &a);
    ctx_t *second = ctx_with_value(first, &other_key, &b);
    ctx_t *third = ctx_with_value(ctx_parent(second), &one_key, &c);
    ctx_t *below = ctx_with_cancel(second), *named = ctx_with_name(third, "n");
    assert_ptr_equal(ctx_value(below, &one_key), &a);
    assert_ptr_equal(ctx_value(below, &other_key), &b);
    assert_ptr_equal(ctx_value(named, &one_key), &c);
    assert_null(ctx_value(named, &other_key));
    assert_null(ctx_value(first, &other_key));
    assert_null(ctx_value(ctx_background(), &one_key));
    ctx_cancel(second);
    ctx_release(second);
    assert_int_equal(destroyed, 0); /* below has it */
    ctx_release(below);
    assert_int_equal(destroyed, 20);
    ctx_release(first), ctx_release(third), ctx_release(named);
}

static void names(void **state)
{
    char name[] = "request";
    ctx_t *named = ctx_with_name(NULL, name), *below = ctx_with_cancel(named);
    ctx_t *empty = ctx_with_name(below, NULL);
    name[0] = '-';
    assert_string_equal(ctx_name(below), "request");
    assert_string_equal(ctx_name(empty), "");
    assert_null(ctx_name(ctx_background()));
    ctx_cancel(below);
    ctx_release(named), ctx_release(below), ctx_release(empty);
}

static const struct {
    const char *given, *passed_on; /* NULL: dropped */
} traces[] = {
    {PARENT, PARENT},
    {"00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-00"},
    {"00-" TRACE "-" SPAN "-ff", "00-" TRACE "-" SPAN "-03"},
    {"cc-" TRACE "-" SPAN "-01", PARENT},
    {"cc-" TRACE "-" SPAN "-01-more", PARENT},
    {"cc-" TRACE "-" SPAN "-01.more", NULL},
    {"00-" TRACE "-" SPAN "-01-more", NULL},
    {"ff-" TRACE "-" SPAN "-01", NULL},
    {"0X-" TRACE "-" SPAN "-01", NULL},
    {"00-" TRACE "-" SPAN "-0", NULL},
    {"00-" TRACE "-" SPAN "-0g", NULL},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", NULL},
    {"00-00000000000000000000000000000000-" SPAN "-01", NULL},
    {"00-" TRACE "-0000000000000000-01", NULL},
    {"00_" TRACE "-" SPAN "-01", NULL},
    {"00-" TRACE "_" SPAN "-01", NULL},
    {"00-" TRACE "-" SPAN "_01", NULL},
    {"", NULL},
    {NULL, NULL},
};

static void traces_in_and_out(void **state)
{
    char text[80];
    for (size_t i = 0; i < ARRAY_LENGTH(traces); i++) {
        uint64_t dropped = ctx_counted(CTXTRACE_COUNT_TRACES_DROPPED);
        ctx_t *context = ctx_with_trace(NULL, traces[i].given),
              *below = ctx_with_name(context, "n");
        int length = ctx_traceparent(below, text, sizeof text);
        if (traces[i].passed_on) {
            assert_int_equal(length, 55);
            assert_string_equal(text, traces[i].passed_on);
        } else {
            assert_int_equal(length, -1);
            assert_int_equal(errno, ENOENT);
            assert_null(ctx_name(context));
        }
        assert_int_equal(ctx_counted(CTXTRACE_COUNT_TRACES_DROPPED),
                         dropped + !traces[i].passed_on);
        ctx_release(context), ctx_release(below);
    }
}

static void trace_ids_of_any_form(void **state)
{
    char text[80];
    ctx_t *free_form = ctx_with_trace_id(NULL, "req-12345", NULL);
    ctx_t *w3c = ctx_with_trace_id(free_form, TRACE, SPAN);
    ctx_t *dropped = ctx_with_trace(w3c, "nonsense");
    assert_int_equal(ctx_traceparent(free_form, text, sizeof text), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(ctx_traceparent(dropped, text, 55), -1);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(ctx_traceparent(dropped, text, 56), 55);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-00");
    assert_int_equal(ctx_to_env(w3c, text, sizeof text), 67);
    assert_string_equal(text, "TRACEPARENT=00-" TRACE "-" SPAN "-00");
    ctx_release(free_form), ctx_release(w3c), ctx_release(dropped);
}

static void from_the_environment(void **state)
{
    char text[80];
    setenv("TRACEPARENT", PARENT, 1);
    ctx_t *with = ctx_from_env();
    uint64_t dropped = ctx_counted(CTXTRACE_COUNT_TRACES_DROPPED);
    unsetenv("TRACEPARENT");
    ctx_t *without = ctx_from_env();
    assert_int_equal(ctx_counted(CTXTRACE_COUNT_TRACES_DROPPED), dropped);
    assert_int_equal(ctx_traceparent(with, text, sizeof text), 55);
    assert_string_equal(text, PARENT);
    assert_int_equal(ctx_traceparent(without, text, sizeof text), -1);
    ctx_release(with), ctx_release(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(names),
        cmocka_unit_test(traces_in_and_out),
        cmocka_unit_test(trace_ids_of_any_form),
        cmocka_unit_test(from_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
