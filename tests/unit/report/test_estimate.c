/* SPDX-License-Identifier: MIT */
/*
 * Estimates: added up before they are rounded, and sane whatever a dump says. An old
 * dump, without the fields, is exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "dump_builder.h"
#include "report/live.h"

static const struct ctt_group drawn = {
    .kind = CTT_KIND_MEMORY,
    .context = 1,
    .count = 1,
    .bytes = 900,
    .sampled = 1,
    .more_count = 0.58,
    .more_bytes = 522,
    .count_variance = 0.92,
    .bytes_variance = 742000,
};

static void test_rounded_once(void **state)
{
    struct estimate one = estimate_of_group(&drawn), sum = {0};

    assert_int_equal(estimate_count(&one), 2);
    for (int i = 0; i < 1000; i++)
        estimate_add(&sum, &one);
    assert_int_equal(estimate_count(&sum), 1580);
    assert_int_equal(estimate_bytes(&sum), 1422000);
    assert_int_equal(sum.sampled, 1000);
    assert_int_equal(estimate_count_percent(&sum), 2);
    assert_int_equal(estimate_bytes_percent(&sum), 2);
    assert_int_equal(estimate_count_percent(&one), 61);
}

static void test_damaged(void **state)
{
    static const double odd[] = {NAN, -NAN, INFINITY, -INFINITY, -1, 1e300};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct ctt_group group = drawn;
        struct estimate estimate;

        group.more_count = group.more_bytes = group.count_variance = group.bytes_variance = odd[i];
        estimate = estimate_of_group(&group);
        assert_int_equal(estimate_count(&estimate), 1);
        assert_int_equal(estimate_bytes(&estimate), 900);
        assert_int_equal(estimate_count_percent(&estimate), 0);
        assert_true(estimate_bytes_error(&estimate) == 0);
    }
}

static uint64_t total_of_many(size_t record_bytes, uint64_t sample_bytes)
{
    struct dump_builder *b = builder_new();
    static const struct report_request request;
    struct kind_total totals[KIND_TOTALS_MAX];
    struct report *report;
    struct model *model;
    uint64_t live;

    b->sample_bytes = sample_bytes;
    builder_process(b, CTT_TRIGGER_SIGNAL, 0);
    for (uint32_t i = 0; i < 100; i++) {
        struct ctt_group group = drawn;

        group.context = i % 2;
        builder_record(b, CTT_GROUP, &group, record_bytes);
    }
    builder_finish(b);
    assert_int_equal(model_load(&model, b->bytes, b->size), 0);
    report = report_new(model, &request);
    assert_int_equal(kind_totals_make(report, totals), 1);
    assert_true(model_is_sampled(model, CTT_KIND_MEMORY) == (sample_bytes != 0));
    live = totals[0].live;
    report_free(report);
    model_free(model);
    builder_free(b);
    return live;
}

static void test_in_a_report(void **state)
{
    assert_int_equal(total_of_many(sizeof(drawn), 512 << 10), 158);
    assert_int_equal(total_of_many(offsetof(struct ctt_group, sampled), 0), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounded_once),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_in_a_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
